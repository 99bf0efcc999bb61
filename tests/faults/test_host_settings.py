"""What lies around a run and must have no effect on it: settings, names, clocks, other users."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.copies import Fleet

_SITE = "open({told!r}, 'a').write('it ran')\n"


def test_a_hostile_folder_and_environment(
    fleet: Fleet, scratch: Path, ledger: Callable[..., None]
) -> None:
    """Settings that are not in the declaration change nothing of what is built, and run nothing."""
    fleet.sync()
    undisturbed = fleet.result()
    fleet.remove()
    told, folder = scratch / "told", fleet.run.cwd
    evil = _SITE.format(told=str(told))
    (folder / "uv.toml").write_text(
        'link-mode = "symlink"\nno-index = true\n[pip]\nno-deps = false\n'
    )
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[tool.uv]\nno-binary = true\nindex-url = "http://127.0.0.1:9"\n'
    )
    (folder / "sitecustomize.py").write_text(evil)
    (folder / "usercustomize.py").write_text(evil)
    (folder / "base.py").write_text(evil)
    (folder / ".python-version").write_text("2.7\n")
    (folder / "pip.conf").write_text("[install]\nuser = true\n")
    hostile: dict[str, str | None] = {
        "UV_NO_VERIFY_HASHES": "1",
        "UV_LINK_MODE": "symlink",
        "UV_INDEX_URL": "http://127.0.0.1:9/simple",
        "UV_OVERRIDE": "/nowhere",
        "UV_CONSTRAINT": "/nowhere",
        "UV_PYTHON": "2.7",
        "UV_CACHE_DIR": str(scratch / "other-cache"),
        "UV_PROJECT_ENVIRONMENT": "/nowhere",
        "UV_COMPILE_BYTECODE": "1",
        "UV_CONFIG_FILE": str(folder / "uv.toml"),
        "PIP_TARGET": str(scratch / "elsewhere"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "VIRTUAL_ENV": "/nowhere",
        "CONDA_PREFIX": "/nowhere",
        "PYTHONSTARTUP": str(folder / "sitecustomize.py"),
        "PYTHONUSERBASE": str(scratch / "userbase"),
        "PYTHONHASHSEED": "1",
        "LD_PRELOAD": "",
    }
    fleet.run("sync", env=hostile, check=True)
    assert fleet.result() == undisturbed
    assert fleet.findings() == []
    assert not (scratch / "elsewhere").exists()
    assert not (scratch / "other-cache").exists()
    assert not told.exists(), "code out of the working folder was run"
    ledger(
        section="Surroundings",
        fault="`uv.toml`, `[tool.uv]`, `sitecustomize`, `UV_*`, `PIP_*`, `PYTHON*`, `VIRTUAL_ENV`, …",
        times=len(hostile) + 7,
        held="the same files, byte for byte; no foreign code ran; nothing written elsewhere",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("[drivers.'../evil']\nrequires", '["base"]'),
        ("[drivers.'/etc']\nrequires", '["base"]'),
        ("[drivers.a]\nbinary", '"../../bin/sh"'),
        ("[drivers.a]\ncommands", '["/bin/sh"]'),
        ("[drivers.a]\nrequires", '["../base"]'),
        ("[drivers.a]\nversion-of", '"../../x"'),
        ('[[index]]\nname = "../x"\npackages = ["a"]\npath', '"/tmp"'),
        ("[drivers.a]\nenv", '{ "A=B" = "x" }'),
    ],
)
def test_path_tricks_in_names(
    fleet: Fleet, ledger: Callable[..., None], key: str, value: str
) -> None:
    """A declaration cannot name a place outside the store."""
    text = f"version = 1\n{key} = {value}\n"
    if "requires" not in key and "drivers" in key:
        text += 'requires = ["base"]\n'
    fleet.run.declare(text)
    for verb in ("lock", "sync"):
        result = fleet.run(verb)
        assert result.code == 2, str(result)
        assert "Traceback" not in result.stderr
    assert not fleet.store.exists() or not list(fleet.store.glob("envs/*"))
    ledger(
        section="Surroundings",
        fault=f"a path in `{key.splitlines()[-1]}` of `{key.splitlines()[0]}`".replace("|", " "),
        times=2,
        held="exit 2; nothing is written",
    )


def test_a_clock_that_was_set_back(fleet: Fleet, ledger: Callable[..., None]) -> None:
    """Which generation is newest is told by its number, whatever the dates say."""
    for version in ("1.0", "1.1", "1.0"):
        fleet.declare({"web": [f"web=={version}"], "gate": ["gate"]})
        fleet.sync()
    store = Store(root=fleet.store)
    for number, year in ((1, 2035), (2, 2030), (3, 1999)):
        _date(store, number, year)
    told = fleet.run("history", "--format", "json", check=True).json["generations"]
    assert [item["generation"] for item in told] == [1, 2, 3]
    assert [item["current"] for item in told] == [False, False, True]
    assert fleet.run("rollback", "--format", "json", check=True).json["generation"] == 2
    assert fleet.run("rollback", "3", "--format", "json", check=True).json["generation"] == 3
    gone = fleet.run("gc", "--keep", "2", "--format", "json", check=True).json
    assert gone["generations"] == [1]
    fleet.declare({"gate": ["gate"]})
    assert fleet.run("sync", "--format", "json", check=True).json["generation"] == 4
    assert fleet.findings() == []
    ledger(
        section="Surroundings",
        fault="generations dated 2035, 2030 and 1999, in this order",
        times=1,
        held="history, rollback, gc and the next sync use the numbers, not the dates",
    )


def _date(store: Store, number: int, year: int) -> None:
    """Date a generation anew, generation record included: the clock was wrong, nobody tampered."""
    from envbuild.store.manifest import render_manifest
    from envbuild.value import replace

    manifest = store.read_generation(number)
    assert manifest is not None
    text = render_manifest(replace(manifest, created=f"{year}-01-01T00:00:00Z"))
    (store.generation(number) / "manifest.json").write_text(text)
    store.records.write(number, replace(store.records.read(number), manifest=text))


_NOBODY = 65534
_SYSTEM = Path("/usr/bin/python3")


def _as_user(fleet: Fleet, *argv: str, uid: int = _NOBODY) -> subprocess.CompletedProcess[str]:
    """The command line run by another user, who must be able to read it."""
    return subprocess.run(
        argv,
        cwd="/",
        env={**fleet.run.env, "HOME": "/nonexistent"},
        user=uid,
        group=uid,
        extra_groups=(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.root
def test_a_service_user_in_roots_store(
    fleet: Fleet, scratch: Path, ledger: Callable[..., None]
) -> None:
    """A user who cannot write starts drivers, takes leases, and can look; changing is refused."""
    fleet.run("sync", check=True)
    python = json.loads(fleet.receipt("web").read_text())["python"]
    if not _reachable(Path(python)):
        pytest.skip("NOT TESTED: no Python here that every user can start")
    started = _as_user(fleet, str(fleet.store / "current/bin/web"), "--version")
    assert started.stdout == "web 1.0\n", started.stderr
    tree = scratch / "code"
    shutil.copytree(Path(__file__).parents[2] / "envbuild", tree / "envbuild")
    subprocess.run(("chmod", "-R", "a+rX", tree), check=True)
    code = f"import sys; sys.path.insert(0, {str(tree)!r}); from envbuild.cli import entry; entry()"
    for argv, wanted in (
        (("verify",), 0),
        (("history",), 0),
        (("ps",), 0),
        (("gc",), 5),
        (("rollback", "1"), 5),
    ):
        done = _as_user(fleet, str(_SYSTEM), "-c", code, "--store", str(fleet.store), *argv)
        assert done.returncode == wanted, (argv, done.stderr)
        assert "Traceback" not in done.stderr
    ledger(
        section="Surroundings",
        fault="root's store, a service user who cannot write",
        times=6,
        held="drivers start; verify, history, ps answer; gc and rollback refuse with the reason, exit 5",
    )


def _reachable(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


@pytest.mark.root
def test_root_in_a_users_store(fleet: Fleet, ledger: Callable[..., None]) -> None:
    """Root syncs into a store that belongs to a user, and says so: it works, and the user can still read it."""
    fleet.store.mkdir()
    os.chown(fleet.store, _NOBODY, _NOBODY)
    assert fleet.run("sync").code == 5
    fleet.run("--trust-owner", "sync", check=True)
    assert fleet.findings() == []
    listed = _as_user(fleet, "cat", str(fleet.store / "current/manifest.json"))
    assert listed.returncode == 0, listed.stderr
    assert sys.platform == "linux"
    ledger(
        section="Surroundings",
        fault="a user's store, root syncs",
        times=1,
        held="refused; with --trust-owner it works, and the user reads what root made",
    )
