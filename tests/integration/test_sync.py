"""`envbuild sync` with real uv, real wheels and a real store."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def two(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """Two drivers, `web` and `gate`, locked; each has a command of its name."""
    index.add(
        command_wheel("web", "1.0", requires=("base",)),
        command_wheel("gate", "2.0", requires=("base",)),
        Wheel(name="base"),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def _manifest(store: Path) -> dict[str, dict[str, dict[str, str]]]:
    loaded: dict[str, dict[str, dict[str, str]]] = json.loads(
        (store / "current/manifest.json").read_text()
    )
    return loaded


def _snapshot(store: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in store.rglob("*")}


def test_the_main_job(two: CommandLine, store: Path) -> None:
    """Locked drivers become environments, a manifest, stable paths and shims that start."""
    two("sync", check=True)
    drivers = _manifest(store)["drivers"]
    assert list(drivers) == ["web", "gate"]
    for name, version in (("web", "1.0"), ("gate", "2.0")):
        entry = drivers[name]
        assert entry["environment"].startswith(f"{store}/envs/{name}-{version}-")
        assert entry["environment"].endswith(entry["key"][:12])
        for path in (entry["binary"], entry["stable_binary"], f"{store}/current/bin/{name}"):
            done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
            assert version in done.stdout
        assert two("which", name, check=True).stdout == f"{entry['binary']}\n"
        assert two("which", name, "--stable", check=True).stdout == f"{entry['stable_binary']}\n"
        assert two("which", name, "--python", check=True).stdout == f"{entry['python']}\n"
        assert two("which", name, "--env", check=True).stdout == f"{entry['environment']}\n"


def test_a_second_sync_writes_nothing_and_starts_nothing(two: CommandLine, store: Path) -> None:
    """Nothing to do means nothing done: no file changes, and no program is started."""
    two("sync", check=True)
    before = _snapshot(store)
    trace = store.parent / "trace"
    argv = ("strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace))
    two.wrapped(argv, "sync", check=True)
    started = [line for line in trace.read_text().splitlines() if "execve(" in line]
    assert len(started) == 1, started
    assert _snapshot(store) == before
    again = two("sync", "--format", "json", check=True)
    assert again.json["empty"] is True
    assert _snapshot(store) == before


def test_a_dry_run_makes_not_even_a_store(two: CommandLine, store: Path) -> None:
    """`--dry-run` prints the plan and touches nothing."""
    result = two("sync", "--dry-run", check=True)
    assert "web 1.0: would build web-1.0-" in result.stdout
    assert "would switch to a new generation" in result.stdout
    assert not store.exists()


def test_named_drivers_are_renewed_and_the_rest_stay(
    two: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """`sync NAME` changes that driver alone; `sync` makes it all as declared."""
    two("sync", check=True)
    before = _manifest(store)["drivers"]
    index.add(command_wheel("web", "1.1"), command_wheel("gate", "2.1"))
    two("lock", "--upgrade", check=True)
    two("sync", "gate", check=True)
    after = _manifest(store)["drivers"]
    assert after["web"] == before["web"]
    assert after["gate"]["version"] == "2.1"
    two.declare(declare_drivers({"gate": ["gate"]}, python=python_version))
    dropped = two("sync", check=True)
    assert "web: dropped" in dropped.stdout
    assert list(_manifest(store)["drivers"]) == ["gate"]


def test_two_drivers_with_one_command_do_not_hide_one_another(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Each has its own name, the first has `serve` as well, and `sync` says which shims start another one."""
    index.add(
        Wheel(name="one", commands={"serve": "one:main"}, files={"one.py": "def main(): print(1)"}),
        Wheel(name="two", commands={"serve": "two:main"}, files={"two.py": "def main(): print(2)"}),
    )
    text = declare_drivers({"one": ["one"], "two": ["two"]}, python=python_version)
    run_envbuild.declare(text.replace("requires =", 'binary = "serve"\nrequires ='))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)

    def assert_shims(**said: str) -> None:
        assert {path.name for path in (store / "current/bin").iterdir()} == said.keys()
        for shim, word in said.items():
            done = subprocess.run([store / "current/bin" / shim], capture_output=True, text=True)
            assert done.stdout.strip() == word

    assert_shims(serve="1", one="1", two="2")
    assert "two: the shim of serve is two" in run_envbuild("list", check=True).stdout
    swapped = declare_drivers({"two": ["two"], "one": ["one"]}, python=python_version)
    run_envbuild.declare(swapped.replace("requires =", 'binary = "serve"\nrequires ='))
    synced = run_envbuild("sync", check=True)
    assert "the shim serve starts two now; before, it started one" in synced.stdout
    assert_shims(serve="2", one="1", two="2")
    assert run_envbuild("verify").code == 0


def test_a_driver_that_fails_leaves_the_generation(
    two: CommandLine, index: IndexServer, store: Path
) -> None:
    """One wheel that is not as locked: exit 4, `current` as it was; `--keep-going` takes the rest."""
    two("sync", check=True)
    index.add(command_wheel("web", "1.1"), command_wheel("gate", "2.1"))
    two("lock", "--upgrade", check=True)
    other = command_wheel("gate", "2.1", requires=("base",)).to_bytes()
    index.replace("gate-2.1-py3-none-any.whl", other)
    before = (store / "current").readlink()
    failed = two("sync")
    assert failed.code == 4, failed
    assert (store / "current").readlink() == before
    partly = two("sync", "--keep-going")
    assert partly.code == 4
    drivers = _manifest(store)["drivers"]
    assert (drivers["web"]["version"], drivers["gate"]["version"]) == ("1.1", "2.0")


def test_a_missing_command_names_those_that_there_are(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """A declared binary that no package provides is exit 2 with the commands, and nothing is written."""
    index.add(command_wheel("web", "1.0"))
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(text.replace("requires =", 'binary = "wbe"\nrequires ='))
    result = run_envbuild("lock")
    assert result.code == 2
    assert (
        "drivers.web.binary: no locked package of web provides the command 'wbe'" in result.stderr
    )
    assert "there are: web" in result.stderr
    assert not (run_envbuild.cwd / "locks").exists()


def test_modes_do_not_depend_on_the_umask(two: CommandLine, store: Path) -> None:
    """Built under umask 077, everything a service user needs is readable, and writable for nobody."""
    previous = os.umask(0o077)
    try:
        two("sync", check=True)
    finally:
        os.umask(previous)
    for name in ("envs", "generations", "receipts"):
        for path in (store / name, *(store / name).rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.is_symlink():
                continue
            assert mode & 0o444 == 0o444, f"{path} {mode:o}"
            assert not path.is_dir() or mode & 0o111 == 0o111, f"{path} {mode:o}"
            assert name != "envs" or path == store / name or not mode & 0o222, f"{path} {mode:o}"
    assert stat.S_IMODE((store / "cache").stat().st_mode) == 0o700


def test_what_has_no_receipt_is_built_anew(two: CommandLine, store: Path) -> None:
    """An environment is valid by its receipt alone: rubbish at its path is replaced, not trusted."""
    planned = two("sync", "--dry-run", "--format", "json", check=True).json["plan"]["build"]
    rubbish = store / "envs" / planned[0]["environment"]
    two("sync", "gate", check=True)  # makes the store
    rubbish.mkdir(parents=True, exist_ok=True)
    (rubbish / "bin").mkdir()
    (rubbish / "bin/web").write_text("#!/bin/false\n")
    two("sync", check=True)
    done = subprocess.run([rubbish / "bin/web"], capture_output=True, text=True, check=True)
    assert "1.0" in done.stdout


def test_offline_uses_what_is_there(two: CommandLine, index: IndexServer, store: Path) -> None:
    """`--offline` builds from the cache, and says what is missing where that is not enough."""
    cold = two("sync", "--offline")
    assert cold.code == 4
    assert "hint: sync once without --offline" in cold.stderr
    two("sync", check=True)
    for path in (store / "receipts").glob("*.json"):
        path.unlink()
    asked = len(index.asked())
    two("sync", "--offline", check=True)
    assert len(index.asked()) == asked


def test_what_uv_has_is_asked_of_nobody(two: CommandLine, index: IndexServer, store: Path) -> None:
    """A build that uv's cache has all wheels for needs no index, which may be down; what is not there is fetched."""
    two("sync", "web", check=True)
    remove_tree(store / "cache/wheels")
    for path in (store / "receipts").glob("*.json"):
        path.unlink()
    asked = len(index.asked())
    two("sync", "web", check=True)
    assert len(index.asked()) == asked
    two("sync", "gate", check=True)
    assert index.asked("gate-2.0")


def test_run_becomes_the_driver(two: CommandLine) -> None:
    """`run` hands over arguments untouched and the driver's exit code."""
    two("sync", check=True)
    result = two("run", "web", "--", "--version", check=True)
    assert "1.0" in result.stdout
    unknown = two("run", "wbe")
    assert unknown.code == 2
    assert "did you mean 'web'?" in unknown.stderr


def test_an_index_may_move_without_the_lockfile(
    two: CommandLine, index: IndexServer, store: Path, project: Path
) -> None:
    """The same lockfile serves through another address, which only the host knows."""
    before = (project / "locks/web.toml").read_bytes()
    folder = project / "mirror"
    folder.mkdir()
    for wheel in (
        command_wheel("web", "1.0", requires=("base",)),
        command_wheel("gate", "2.0", requires=("base",)),
        Wheel(name="base"),
    ):
        wheel.write(folder)
    asked = len(index.asked())
    two("sync", env={"ENVBUILD_INDEX_DEFAULT_URL": str(folder)}, check=True)
    assert len(index.asked()) == asked
    assert (project / "locks/web.toml").read_bytes() == before


def test_a_wheel_whose_record_is_wrong(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """It is told which file of which wheel it is, and what helps: downloading it anew does not."""
    index.add(command_wheel("web"), Wheel(name="base", files={"base.py": ""}, record=False))
    run_envbuild.declare(declare_drivers({"web": ["web", "base"]}, python=python_version))
    run_envbuild("lock", check=True)
    result = run_envbuild("sync")
    assert result.code == 4, str(result)
    assert "web: wheels differ from their own RECORD" in result.stderr
    assert "/base.py is not what base-1.0.dist-info recorded" in result.stderr
    assert 'constraints = ["NAME!=VERSION"]' in result.stderr
    assert not list((store / "receipts").iterdir())
    offline = run_envbuild("sync", "--offline")
    assert offline.code == 4, str(offline)
    assert "the cache is damaged, and nothing is downloaded offline" in offline.stderr
