"""`history`, `rollback`, `verify`, `gc`, `ps` and `doctor` by the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def web(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> Web:
    """A driver `web` that can be moved from version to version."""
    index.add(*(command_wheel("web", version, requires=("base",)) for version in ("1.0", "1.1")))
    index.add(Wheel(name="base", files={"base.py": "import time\ntime.sleep(60)\n"}))
    return Web(run_envbuild, python_version)


class Web:
    """Moves the driver and calls the command line."""

    def __init__(self, run: CommandLine, python_version: str) -> None:
        self.run = run
        self._python_version = python_version

    def move(self, version: str) -> None:
        """Declare, lock and sync a version."""
        self.run.declare(declare_drivers({"web": [f"web=={version}"]}, python=self._python_version))
        self.run("lock", check=True)
        self.run("sync", check=True)


@pytest.fixture
def running(web: Web, store: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of generation 1's environment, while generation 2 is current."""
    web.move("1.0")
    python = store / "current/web/bin/python"
    process = subprocess.Popen((os.path.realpath(python.parent) + "/python", "-c", "import base"))
    deadline = time.monotonic() + 10
    while not web.run("ps", "--format", "json").json["processes"]:
        assert time.monotonic() < deadline
    web.move("1.1")
    yield process
    process.kill()
    process.wait()


def test_history_tells_what_moved(web: Web) -> None:
    """Each generation with its drivers, the current one marked, and what changed before it."""
    web.move("1.0")
    web.move("1.1")
    told = web.run("history", "--format", "json", check=True).json["generations"]
    assert [(item["generation"], item["current"]) for item in told] == [(1, False), (2, True)]
    assert told[1]["changes"] == [
        {
            "driver": "web",
            "before": "1.0",
            "after": "1.1",
            "packages": [{"name": "web", "before": "1.0", "after": "1.1"}],
        }
    ]
    assert "~ web 1.0 → 1.1: web 1.0 → 1.1" in web.run("history").stdout


def test_rollback_and_forth(web: Web, store: Path) -> None:
    """Back by one, forth by number; the shim starts what is current."""
    web.move("1.0")
    web.move("1.1")
    assert "generation 1 is current again, instead of 2" in web.run("rollback", check=True).stdout
    shim = (store / "current/bin/web", "--version")
    assert subprocess.run(shim, capture_output=True, text=True).stdout == "web 1.0\n"
    web.run("rollback", "2", check=True)
    assert subprocess.run(shim, capture_output=True, text=True).stdout == "web 1.1\n"
    assert web.run("sync", check=True).stdout.startswith("nothing to do")


def test_rollback_refuses_what_drifted(web: Web, store: Path) -> None:
    """A generation whose environment was touched, or is gone, does not become current."""
    web.move("1.0")
    touched = next((store / "envs").glob("*/pyvenv.cfg"))
    web.move("1.1")
    os.utime(touched)
    result = web.run("rollback")
    assert result.code == 1, str(result)
    assert "pyvenv.cfg" in result.stderr
    assert (store / "current").readlink().name == "2"


def test_rollback_to_what_never_was(web: Web) -> None:
    """An unknown number is a mistake, having nothing to go back to is an answer."""
    web.move("1.0")
    assert web.run("rollback").code == 1
    assert web.run("rollback", "7").code == 2
    assert web.run("rollback", "0").code == 2
    assert web.run("rollback", "one").code == 2


def test_ps_tells_what_is_behind(web: Web, running: subprocess.Popen[bytes]) -> None:
    """A process that was not restarted since the switch is shown as not current."""
    (found,) = web.run("ps", "--format", "json", check=True).json["processes"]
    assert found["pid"] == running.pid
    assert (found["driver"], found["driver_version"]) == ("web", "1.0")
    assert found["current"] is False
    assert found["lease"] is True


def test_gc_leaves_what_runs(web: Web, running: subprocess.Popen[bytes], store: Path) -> None:
    """The generation goes, the environment of a running process stays until it has ended."""
    kept = web.run("gc", "--keep", "1", "--format", "json", check=True).json
    assert kept["generations"] == [1]
    assert kept["environments"] == []
    reasons = {item["subject"]: item["reasons"] for item in kept["kept"]}
    (name,) = [subject for subject in reasons if subject.startswith("web-1.0")]
    assert reasons[name] == [f"lease held by pid {running.pid} of user {_user()}"]
    running.kill()
    running.wait()
    gone = web.run("gc", "--keep", "1", "--wait", "--format", "json", check=True).json
    assert gone["environments"] == [name]
    assert gone["freed"] > 0
    assert not (store / "envs" / name).exists()


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def test_gc_leaves_what_is_being_built(web: Web, store: Path) -> None:
    """An environment whose lock or claim is held stays, though no generation names it."""
    web.move("1.0")
    name = next((store / "envs").iterdir()).name
    web.move("1.1")
    for suffix in ("lock", "claim"):
        with locked(store / "locks" / f"{name}.{suffix}"):
            said = web.run("gc", "--keep", "1", "--format", "json", check=True).json
        assert {"subject": name, "reasons": ["build running"]} in said["kept"]
    assert (store / "envs" / name).exists()


def test_repair_keeps_the_leases(web: Web, store: Path) -> None:
    """What runs while its environment is repaired is still known to run out of it."""
    web.move("1.0")
    environment = store / "current/web"
    python = os.path.realpath(environment / "bin") + "/python"
    with subprocess.Popen((python, "-c", "import base")) as process:
        while not web.run("ps", "--format", "json").json["processes"]:
            assert process.poll() is None
        (changed,) = environment.glob("lib/python3.*/site-packages/base-1.0.dist-info/METADATA")
        changed.unlink()
        assert "repaired web-1.0" in web.run("verify", "--repair", check=True).stdout
        (found,) = web.run("ps", "--format", "json", check=True).json["processes"]
        assert (found["pid"], found["lease"]) == (process.pid, True)
        process.kill()
    web.run("verify", check=True)
    web.run("verify", "--quick", check=True)


def test_gc_says_before_it_does(web: Web, store: Path) -> None:
    """A dry run names the same, and touches nothing."""
    web.move("1.0")
    web.move("1.1")
    foreseen = web.run("gc", "--keep", "1", "--dry-run", "--format", "json", check=True).json
    assert len(list((store / "envs").iterdir())) == 2
    done = web.run("gc", "--keep", "1", "--format", "json", check=True).json
    assert done["environments"] == foreseen["environments"]
    assert done["generations"] == foreseen["generations"]
    assert len(list((store / "envs").iterdir())) == 1


def test_gc_does_not_wait_for_the_deleting(web: Web, store: Path) -> None:
    """What goes is out of the way when gc returns; the next one says how much that freed."""
    web.move("1.0")
    web.move("1.1")
    said = web.run("gc", "--keep", "1", check=True).stdout
    assert len(list((store / "envs").iterdir())) == 1
    assert "at most is being deleted in the background; the next gc reports what that freed" in said
    deadline = time.monotonic() + 10
    while (last := web.run("gc", "--format", "json", check=True).json["last"]) is None:
        assert time.monotonic() < deadline
    assert last["freed"] > 0
    assert not list((store / "trash").iterdir())


def test_gc_of_the_caches(web: Web, store: Path) -> None:
    """Without caches what is built stays whole, and the next sync downloads anew."""
    web.move("1.0")
    assert web.run("gc", "--cache", "--format", "json", check=True).json["cache"] is True
    web.run("verify", check=True)
    web.move("1.1")
    with locked(store / "locks" / "cache.lock", shared=True):
        said = web.run("gc", "--cache", "--format", "json", check=True).json
    assert said["cache_kept"] == "a sync is using them"


@pytest.mark.parametrize("verb", ["history", "rollback", "verify", "gc", "ps", "doctor"])
def test_what_is_no_store(web: Web, scratch: Path, verb: str) -> None:
    """Nothing there is an answer, another folder is an error, and neither is touched."""
    empty, other = scratch / "empty", scratch / "other"
    for folder in (empty, other):
        folder.mkdir()
    (other / "envs").mkdir()
    (other / "envs" / "precious").write_text("data")
    nothing = 0 if verb in ("gc", "ps", "doctor") else 1  # an empty store is no error to look at
    assert web.run(verb, "--store", str(scratch / "none")).code == nothing
    assert web.run(verb, "--store", str(empty)).code == nothing
    result = web.run(verb, "--store", str(other))
    assert result.code == 5
    assert "is not a store" in result.stderr
    assert (other / "envs" / "precious").read_text() == "data"


@pytest.mark.parametrize("verb", ["history", "rollback", "verify", "gc", "ps", "doctor"])
def test_a_store_of_a_newer_format(web: Web, scratch: Path, verb: str) -> None:
    """What a newer envbuild made is left alone."""
    folder = scratch / "newer"
    folder.mkdir()
    (folder / "envbuild-store.json").write_text(json.dumps({"format": 99}))
    result = web.run(verb, "--store", str(folder))
    assert result.code == 5
    assert "newer" in result.stderr


def test_other_bad_input(web: Web, scratch: Path) -> None:
    """Mistakes are said as such, exit 2."""
    web.move("1.0")
    assert web.run("gc", "--keep", "0").code == 2
    assert web.run("gc", "--older-than", "yesterday").code == 2
    result = web.run("verify", "wed")
    assert result.code == 2
    assert "did you mean 'web'?" in result.stderr
    no_unit = scratch / "x.service"
    no_unit.write_text("hello\n")
    result = web.run("doctor", "--unit", str(no_unit), str(scratch / "none.service"))
    assert result.code == 2
    assert result.stderr.count("error:") == 2


def test_doctor_reads_units(web: Web, store: Path, scratch: Path) -> None:
    """Stable, exact, old, outside and missing are told apart."""
    web.move("1.0")
    old = web.run("which", "web", check=True).stdout.strip()
    web.move("1.1")
    exact = web.run("which", "web", check=True).stdout.strip()
    commands = [f"{store}/current/web/bin/web", exact, old, "/bin/sh", f"{store}/current/bin/no"]
    unit = scratch / "x.service"
    unit.write_text("[Service]\n" + "".join(f"ExecStart={command} -x\n" for command in commands))
    result = web.run("doctor", "--format", "json", "--unit", str(unit))
    assert result.code == 1
    kinds = [found["kind"] for found in result.json["units"]]
    assert kinds == ["stable", "exact", "old", "outside", "missing"]
