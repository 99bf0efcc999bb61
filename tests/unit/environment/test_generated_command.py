"""The script that is a driver's own command."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.environment.generated_command import render_command
from envbuild.value import replace
from tests.support.pythons import own_python
from tests.support.values import make_derivation

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "/opt/envbuild/envs/sglang-0.5-0123456789ab"


_SERVER = """\
import json, multiprocessing, sys

def said():
    return [__name__, __file__, sys.argv[1:]]

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps([said(), pool.apply(said)]))
"""


def script_of(words: tuple[str, ...], environment: str, **changes: Any) -> str:
    """The script of a driver `asr` with these words."""
    return render_command(replace(make_derivation(), command=words, **changes), environment)


@pytest.mark.parametrize(
    ("version", "start"),
    [
        ("3.12.1", "python -P -m sglang.launch_server --tp 2"),
        ("3.10.13", "python -c "),
    ],
)
def test_a_module_is_run_without_the_working_folder(version: str, start: str) -> None:
    """`-P` where Python has it; else the folder is taken off the path before anything is imported."""
    words = ("python", "-m", "sglang.launch_server", "--tp", "2")
    text = script_of(words, ENVIRONMENT, python_version=version)
    assert text.startswith("#!/bin/sh\n")
    assert f"\nexec {ENVIRONMENT}/bin/{start}" in text
    assert text.endswith(' sglang.launch_server --tp 2 "$@"\n')


def test_any_word_is_handed_on_as_it_is(tmp_path: Path) -> None:
    """Blanks, quotes, dollars, line ends: the shell reads none of it."""
    program = tmp_path / "bin" / "show"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    program.chmod(0o755)
    words = ("a b", "it's", '"$HOME"', "$(id)", "`id`", "one\ntwo", "", "\\", "ä")
    script = tmp_path / "driver"
    script.write_text(script_of(("show", *words), str(tmp_path)))
    done = subprocess.run(["/bin/sh", str(script), "own", ""], capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"<{word}>" for word in (*words, "own", ""))


@pytest.mark.parametrize("version", ["3.10.0", "3.12.0"])
def test_a_module_and_its_children_know_themselves(tmp_path: Path, version: str) -> None:
    """A server that spawns workers, whatever modules lie in the working folder; both ways to start one."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(own_python())
    module = tmp_path / "lib" / "engine" / "server.py"
    module.parent.mkdir(parents=True)
    module.write_text(_SERVER)
    here = tmp_path / "here"
    here.mkdir()
    for name in ("engine", "runpy"):
        (here / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    script = tmp_path / "driver"
    words = ("python", "-m", "engine.server", "first")
    script.write_text(script_of(words, str(tmp_path), python_version=version))
    done = subprocess.run(
        ["/bin/sh", str(script), "second"],
        capture_output=True,
        cwd=here,
        env={"PYTHONPATH": str(tmp_path / "lib")},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    arguments = ["first", "second"]
    assert json.loads(done.stdout) == [
        ["__main__", str(module), arguments],
        ["__mp_main__", str(module), arguments],
    ]


ENV = (
    ("A", "{env}/a b"),
    ("B", "{site-packages}:{python}"),
    ("C", "{cache}/x'y:{cache}"),
    ("D", "{{env}} $HOME {}"),
)


@pytest.mark.parametrize(
    ("given", "cache"),
    [
        ({"CACHE_DIRECTORY": "/var/cache/asr:/other", "XDG_CACHE_HOME": "/x"}, "/var/cache/asr"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/envbuild/asr"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/envbuild/asr"),
        ({}, None),
    ],
)
def test_variables_are_set_where_unset(
    tmp_path: Path, given: dict[str, str], cache: str | None
) -> None:
    """Before the program starts, with this host's places in place of their names; what is set stays."""
    program = tmp_path / "bin" / "show"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec env -0\n")
    program.chmod(0o755)
    script = tmp_path / "driver"
    env = (*ENV, ("EMPTY", "no"), ("PYTHONHASHSEED", "0"), ("TZ", "Asia/Tokyo"))
    text = script_of(("show",), str(tmp_path), env=env, library_path=("nvidia/cudnn/lib", "b"))
    script.write_text(text)
    caller = given | {"TZ": "UTC", "EMPTY": "", "LD_LIBRARY_PATH": "/opt"}
    done = subprocess.run(["/bin/sh", str(script)], capture_output=True, check=True, env=caller)
    said = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
    site_packages = f"{tmp_path}/lib/python3.12/site-packages"
    assert said["A"] == f"{tmp_path}/a b"
    assert said["B"] == f"{site_packages}:{tmp_path}/bin/python"
    assert said.get("C") == (None if cache is None else f"{cache}/x'y:{cache}")
    assert said["D"] == "{env} $HOME {}"
    assert (said["EMPTY"], said["PYTHONHASHSEED"], said["TZ"]) == ("", "0", "UTC")
    folders = f"{site_packages}/nvidia/cudnn/lib:{site_packages}/b"
    assert said["LD_LIBRARY_PATH"] == f"{folders}:/opt"
    assert "_envbuild_cache" not in said
