"""Whoever holds a lock, or runs an index, keeps nobody from ending a command.

The attacker is a user who may write to the store and holds its locks, or runs an index that drips;
he wants a command that neither goes on nor can be stopped.
"""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked
from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Trickle
from tests.support.process_tree import descendants, is_alive, wait_until
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy
    from tests.support.index_server import IndexServer

SOON = 6.0
"""Seconds from the signal to the end; a command that did not hear it would wait for minutes."""


@pytest.fixture
def synced(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A store with one driver."""
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    return run_envbuild


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
        with contextlib.suppress(OSError):
            links = Path(f"/proc/{pid}/fd").iterdir()
            return any(link.readlink() == path for link in links)
        return False

    return look


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc says what waits")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_waits_for_a_lock_ends(
    synced: CommandLine, store: Path, how: signal.Signals
) -> None:
    """He holds the lock of the generations: what waits for it hears the signal, and changes nothing."""
    path = store / "locks" / "generations.lock"
    before = (store / "current").readlink()
    with locked(path):
        process = synced.start("gc")
        wait_until(_has_open(process.pid, path), "the command waits")
        _end(process, how)
    assert (store / "current").readlink() == before
    assert synced("gc").code == 0


@pytest.mark.parametrize("verb", [("lock", "--upgrade"), ("export", "pylock", "web")])
def test_a_command_that_an_index_keeps_busy_ends(
    synced: CommandLine, faults: FaultProxy, verb: tuple[str, ...]
) -> None:
    """He runs the index and drips pages: the command ends when it is told to, and leaves the lockfile."""
    lockfile = synced.cwd / "locks" / "web.toml"
    before = lockfile.read_bytes()
    struck = faults.inject("/simple/", Trickle(pause=0.3, piece=1))
    process = synced.start(*verb, env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url})
    wait_until(lambda: struck.hits or process.poll() is not None, "the index is asked")
    _end(process, signal.SIGINT)
    assert lockfile.read_bytes() == before


def test_an_index_that_drips_is_given_up(synced: CommandLine, faults: FaultProxy) -> None:
    """Nobody is there to press Ctrl-C: the deadline says which index it was, exit 4."""
    faults.inject("/simple/", Trickle(pause=0.3, piece=1))
    result = synced(
        "export",
        "pylock",
        "web",
        env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url, "ENVBUILD_HTTP_DEADLINE": "2"},
    )
    assert result.code == 4, result
    assert "was not there as a whole in 2 s" in result.stderr
