"""The baked-in activation, run for real: every start of an environment's Python is the same process."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.environment.activation import (
    MODULE,
    MODULE_FILE,
    PTH_FILE,
    PTH_TEXT,
    render_activation,
)
from envbuild.value import replace
from tests.support.values import make_derivation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VALUES = (
    ("BACKSLASH", "a\\nb\\"),
    ("EMPTY", ""),
    ("LINES", "one\ntwo\r\n\ttab"),
    ("QUOTES", """it's "quoted" \"\"\" '''"""),
    ("UNICODE", "ü→🙂\u2028"),
)

SHOW = "import json, os, sys; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def bake(scratch: Path) -> Callable[..., Path]:
    """Make an environment with an activation that sets some variables; the value is its folder."""

    def build(env: tuple[tuple[str, str], ...], **more: Any) -> Path:
        folder = scratch / "env"
        venv.create(folder, symlinks=True)
        (site_packages,) = folder.glob("lib/python3.*/site-packages")
        text = render_activation(replace(make_derivation(), env=env, **more), str(folder))
        (site_packages / MODULE_FILE).write_text(text, encoding="utf-8")
        (site_packages / PTH_FILE).write_text(PTH_TEXT, encoding="utf-8")
        return folder

    return build


def start(folder: Path, env: Mapping[str, str], code: str = SHOW, *flags: str) -> dict[str, str]:
    """The environment variables of a process of the environment, started with exactly these."""
    done = subprocess.run(
        [folder / "bin" / "python", *flags, "-c", code], env=env, capture_output=True, check=True
    )
    assert done.stderr == b""
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("env", [{}, {"PATH": ""}], ids=["unset", "empty"])
def test_without_a_path_the_systems_own_follows(
    bake: Callable[..., Path], env: dict[str, str]
) -> None:
    """Under `env -i`, as units start programs, a driver still finds its own commands and the system's."""
    folder = bake(())
    assert start(folder, env)["PATH"] == f"{folder}/bin:{os.defpath}"


def test_its_commands_come_before_the_callers(bake: Callable[..., Path]) -> None:
    """A driver that starts a helper of its own gets the one of its environment, whoever started it."""
    folder = bake(())
    assert start(folder, {"PATH": "/a:/b"})["PATH"] == f"{folder}/bin:/a:/b"


def test_a_child_adds_nothing_again(bake: Callable[..., Path]) -> None:
    """PATH does not grow with every generation of worker processes."""
    folder = bake(())
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SHOW!r}], check=True)"
    assert start(folder, {"PATH": "/a"}, code)["PATH"] == f"{folder}/bin:/a"


def test_elsewhere_on_the_path_is_not_enough(bake: Callable[..., Path]) -> None:
    """First on PATH means first, also for a driver that another driver's process starts."""
    folder = bake(())
    path = f"/other/bin:{folder}/bin:/usr/bin"
    assert start(folder, {"PATH": path})["PATH"] == f"{folder}/bin:{path}"


def test_declared_values_are_set_exactly(bake: Callable[..., Path]) -> None:
    """Quotes, line ends and every character arrive as they stand in `drivers.toml`."""
    found = start(bake(VALUES), {})
    assert {name: found.get(name) for name, _ in VALUES} == dict(VALUES)


def test_declared_values_are_set_in_any_locale(bake: Callable[..., Path]) -> None:
    """A locale whose encoding lacks a character changes no value and keeps no other from being set."""
    folder = bake(VALUES)
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = (
        "import json, os;"
        "print(json.dumps({k.decode(): v.decode() for k, v in os.environb.items()}))"
    )
    found = start(folder, plain, code)
    assert {name: found.get(name) for name, _ in VALUES} == dict(VALUES)


def test_what_the_caller_set_stays(bake: Callable[..., Path]) -> None:
    """A unit's `Environment=` has the last word, an empty value included."""
    folder = bake((("A", "declared"), ("B", "declared"), ("C", "declared")))
    found = start(folder, {"A": "mine", "B": ""})
    assert (found["A"], found["B"], found["C"]) == ("mine", "", "declared")


@pytest.mark.parametrize("flag", ["-I", "-E", "-s", "-B", "-X utf8"])
def test_isolated_starts_are_activated_too(bake: Callable[..., Path], flag: str) -> None:
    """Console scripts that isolate themselves get the same process."""
    folder = bake((("A", "declared"),))
    found = start(folder, {}, SHOW, *flag.split())
    assert found["A"] == "declared"
    assert found["PATH"].startswith(f"{folder}/bin:")


def test_the_working_folder_cannot_stand_in_for_it(
    bake: Callable[..., Path], project: Path
) -> None:
    """A file of its name where a service happens to run is not the activation."""
    folder = bake((("A", "declared"),))
    (project / MODULE_FILE).write_text("raise SystemExit(3)\n", encoding="utf-8")
    command = [f"{folder}/bin/python", "-c", "import os; print(os.environ['A'])"]
    done = subprocess.run(command, env={}, cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "declared\n"


def test_the_module_says_who_put_it_there() -> None:
    """Who finds the file in an environment reads where it comes from."""
    text = render_activation(make_derivation(), "/s/envs/x")
    assert text.startswith('"""Baked in by envbuild')
    assert f"import {MODULE}\n" == PTH_TEXT
    assert text.isascii()


@pytest.mark.parametrize(
    ("given", "cache"),
    [
        ({"CACHE_DIRECTORY": "{scratch}/unit:/other"}, "{scratch}/unit"),
        ({"XDG_CACHE_HOME": "{scratch}/xdg"}, "{scratch}/xdg/envbuild/asr"),
        (
            {"XDG_CACHE_HOME": "xdg", "HOME": "{scratch}/home2"},
            "{scratch}/home2/.cache/envbuild/asr",
        ),
        ({"CACHE_DIRECTORY": "/proc/none/here"}, "/proc/none/here"),
    ],
)
def test_places_are_this_starts(
    bake: Callable[..., Path], scratch: Path, given: dict[str, str], cache: str
) -> None:
    """`{cache}` is systemd's folder, else the user's, made for its owner alone; what is set stays."""
    more = {"library_path": ("x/lib",)}
    env = (("A", "{env}:{python}"), ("B", "{cache}/b:{cache}"), ("C", "{cache}"), ("D", "{{env}}"))
    folder = bake(env, **more)
    caller = {name: value.format(scratch=scratch) for name, value in given.items()}
    said = start(folder, {**caller, "C": "mine", "LD_LIBRARY_PATH": "/opt"})
    place = cache.format(scratch=scratch)
    assert said["A"] == f"{folder}:{folder}/bin/python"
    assert (said["B"], said["C"], said["D"]) == (f"{place}/b:{place}", "mine", "{env}")
    libraries = f"{folder}/lib/python3.12/site-packages/x/lib:/opt"
    assert said["LD_LIBRARY_PATH"] == libraries
    assert start(folder, said)["LD_LIBRARY_PATH"] == libraries
    if not place.startswith("/proc"):
        assert Path(place).stat().st_mode & 0o777 == 0o700


def test_caches_are_the_drivers_own(bake: Callable[..., Path], scratch: Path) -> None:
    """What packages would write beside themselves goes to its cache, unless declared or set; nothing is made."""
    folder = bake((("TRITON_CACHE_DIR", "/declared"),))
    said = start(folder, {"XDG_CACHE_HOME": f"{scratch}/x", "MPLCONFIGDIR": "/mine"})
    cache = f"{scratch}/x/envbuild/asr"
    assert said["NUMBA_CACHE_DIR"] == f"{cache}/numba"
    assert said["TORCHINDUCTOR_CACHE_DIR"] == f"{cache}/torchinductor"
    assert (said["TRITON_CACHE_DIR"], said["MPLCONFIGDIR"]) == ("/declared", "/mine")
    assert not (scratch / "x").exists()


def test_it_acts_only_in_the_environment(bake: Callable[..., Path], scratch: Path) -> None:
    """Another environment that reads its packages keeps its PATH, its variables and its own prefix."""
    folder = bake((("A", "declared"),))
    other = scratch / "other"
    venv.create(other, symlinks=True)
    (site_packages,) = other.glob("lib/python3.*/site-packages")
    (theirs,) = folder.glob("lib/python3.*/site-packages")
    line = f"import site; site.addsitedir({str(theirs)!r})\n"
    (site_packages / "theirs.pth").write_text(line, encoding="utf-8")
    code = f"import sys; sys.modules[{MODULE!r}]; {SHOW}"
    said = start(other, {"PATH": "/a"}, code)
    assert said["PATH"] == "/a"
    assert not {"A", "NUMBA_CACHE_DIR"} & said.keys()
    link = scratch / "current"
    link.symlink_to(folder)
    said = start(link, {"PATH": "/a"})
    assert (said["PATH"], said["A"]) == (f"{folder}/bin:/a", "declared")
