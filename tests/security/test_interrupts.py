"""Whoever holds a lock, or runs an index, keeps nobody from ending a command.

The attacker is a user who may write to the store and holds its locks, or runs an index that drips;
he wants a command that neither goes on nor can be stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked
from tests.support.attacked import Repository
from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Trickle
from tests.support.process_tree import descendants, is_alive, wait_until
from tests.support.small_store import make_store
from tests.support.values import make_package

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc says what waits")
SOON = 6.0
"""Seconds from the signal to the end; a command that did not hear it would wait for minutes."""


@pytest.fixture
def synced(web: CommandLine) -> CommandLine:
    """A store with this driver."""
    web("sync", check=True)
    return web


def _end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    children = descendants(process.pid)
    sent = time.monotonic()
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "interrupted", stderr
    assert time.monotonic() - sent < SOON
    assert not [child for child in children if is_alive(child)]


def _has_open(pid: int, path: Path) -> Callable[[], bool]:
    def look() -> bool:
        for one in (pid, *descendants(pid)):
            with contextlib.suppress(OSError):
                if any(link.readlink() == path for link in Path(f"/proc/{one}/fd").iterdir()):
                    return True
        return False

    return look


def _keeps_open(pid: int, path: Path) -> Callable[[], bool]:
    """Whether a process has a lock open for longer than who only tries to take it."""
    has_open = _has_open(pid, path)

    def look() -> bool:
        for _ in range(10):
            if not has_open():
                return False
            time.sleep(0.03)
        return True

    return look


def _has_used(pid: int, seconds: float) -> Callable[[], bool]:
    """Whether a process has worked for so long."""
    ticks = os.sysconf("SC_CLK_TCK") * seconds

    def look() -> bool:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12]) >= ticks

    return look


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_waits_for_a_lock_ends(
    synced: CommandLine, store: Path, python_version: str, how: signal.Signals
) -> None:
    """He holds the lock of the generations: what waits for it hears the signal, and changes nothing."""
    path = store / "locks" / "generations.lock"
    for value in "12":  # one more generation, and something to do for `sync`
        text = declare_drivers({"web": ["web"]}, python=python_version)
        synced.declare(f'{text}\nenv = {{ A = "{value}" }}\n')
        if value == "1":
            synced("sync", check=True)
    before = (store / "current").readlink()
    for verb in ("gc", "sync", "rollback"):
        with locked(path):
            process = synced.start(verb)
            wait_until(_keeps_open(process.pid, path), f"{verb} waits")
            _end(process, how)
        assert (store / "current").readlink() == before
    assert synced("sync").code == synced("rollback").code == synced("gc").code == 0


@needs_proc
def test_a_sync_that_waits_for_a_build_ends(web: CommandLine, store: Path) -> None:
    """He holds the lock of the environment that `sync` wants to build."""
    planned = web("sync", "--dry-run", "--format", "json", check=True).json
    name = planned["plan"]["build"][0]["environment"]
    path = store / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True)
    with locked(path):
        process = web.start("sync")
        wait_until(_keeps_open(process.pid, path), "the command waits")
        _end(process, signal.SIGINT)
    assert not (store / "receipts" / f"{name}.json").exists()
    web("sync", check=True)


@needs_proc
def test_a_verification_of_large_files_ends(run_envbuild: CommandLine, store: Path) -> None:
    """He publishes a wheel of many gigabytes, which take their time to be read again."""
    size = 64 << 30
    made = make_store(store, [("web", "1.0")], size=size)
    command = made.environment("web-1.0-0") / "bin/web"
    process = run_envbuild.start("verify")
    wait_until(_has_open(process.pid, command), "the file is read")
    _end(process, signal.SIGINT)
    assert command.stat().st_size == size


@needs_proc
@pytest.mark.parametrize("verb", ["conflicts", "check"])
def test_a_large_comparison_ends(project: Path, run_envbuild: CommandLine, verb: str) -> None:
    """He locks as many versions and requirements as there may be: a search among them is ended."""
    repository = Repository(folder=project)
    repository.declare("".join(f'[drivers.d{n}]\nrequires = ["a"]\n' for n in range(2)))
    names = [f"p{n}" for n in range(3900)]
    for number in range(2):
        packages = [
            make_package(name, str(number), requires=tuple(names[n - k] for k in range(20)))
            for n, name in enumerate(names)
        ]
        asked = make_package("a", requires=tuple(names))
        whole = sorted((asked, *packages), key=lambda package: package.name)
        repository.lock(*whole, driver=f"d{number}")
    process = run_envbuild.start(verb)
    wait_until(_has_used(process.pid, 0.4), "it is at work")
    _end(process, signal.SIGINT)


@needs_proc
def test_no_moment_is_deaf(synced: CommandLine) -> None:
    """He can end a command whenever he likes: it says so or is done, and never shows its insides."""
    for verb in ("list", "show", "check", "sync", "verify", "gc", "history", "ps"):
        for seconds in (0.02, 0.04, 0.06, 0.1):
            process = synced.start(verb)
            used = _has_used(process.pid, seconds)
            while not used() and process.poll() is None:
                time.sleep(0.001)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
            if process.returncode == 1 and stderr.startswith("Could not import runpy"):
                continue  # on a busy machine, Python itself was still starting
            assert process.returncode in (0, 130, -signal.SIGINT), stderr
            assert "bug in envbuild" not in stderr


@pytest.mark.parametrize("verb", [("lock", "--upgrade"), ("export", "pylock", "web")])
def test_a_command_that_an_index_keeps_busy_ends(
    web: CommandLine, faults: FaultProxy, verb: tuple[str, ...]
) -> None:
    """He runs the index and drips pages: the command ends when it is told to, and leaves the lockfile."""
    lockfile = web.cwd / "locks" / "web.toml"
    before = lockfile.read_bytes()
    struck = faults.inject("/simple/", Trickle(pause=0.3, piece=1))
    process = web.start(*verb, env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url})
    wait_until(lambda: struck.hits or process.poll() is not None, "the index is asked")
    _end(process, signal.SIGINT)
    assert lockfile.read_bytes() == before


def test_an_index_that_drips_is_given_up(web: CommandLine, faults: FaultProxy) -> None:
    """Nobody is there to press Ctrl-C: the deadline says which index it was, exit 4."""
    faults.inject("/simple/", Trickle(pause=0.3, piece=1))
    result = web(
        "export",
        "pylock",
        "web",
        env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url, "ENVBUILD_HTTP_DEADLINE": "2"},
    )
    assert result.code == 4, result
    assert "was not complete after 2 s" in result.stderr
