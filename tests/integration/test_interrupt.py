"""SIGINT and SIGTERM end a command soon, and leave nothing that the next one would trip over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked_if_free
from tests.support.command_line import ASKS_UV, declare_drivers
from tests.support.fault_proxy import Hang, Trickle
from tests.support.process_tree import descendants, is_alive, wait_until
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy
    from tests.support.index_server import IndexServer

SOON = 4.0
"""Seconds from the signal to the end; a program that was not stopped would take a minute."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def slow(
    run_envbuild: CommandLine, index: IndexServer, faults: FaultProxy, python_version: str
) -> CommandLine:
    """Two drivers over an index that can be made slow."""
    padding = os.urandom(20_000).hex()
    index.add(
        command_wheel("web", requires=("base", "slow")),
        command_wheel("gate", requires=("base",)),
        Wheel(name="base"),
        Wheel(name="slow", files={"slow.py": f"padding = {padding!r}\n"}),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))
    return run_envbuild


def _interrupt(process: subprocess.Popen[str], how: signal.Signals, *, twice: bool = False) -> str:
    """Signal, wait, and check what every interrupted command promises; what it said on stderr."""
    children = descendants(process.pid)
    assert children, "nothing was running that could be interrupted"
    sent = time.monotonic()
    process.send_signal(how)
    if twice:
        time.sleep(0.05)
        process.send_signal(how)
    try:
        stdout, stderr = process.communicate(timeout=30)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        pytest.fail(f"it went on for 30 s, and said {late.stderr!r}")
    taken = time.monotonic() - sent
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "interrupted", stderr
    assert "Traceback" not in stderr
    assert not stdout
    assert not [child for child in children if is_alive(child)]
    assert taken < SOON, f"{taken:.1f} s"
    return stderr


def _locks_are_free(store: Path) -> bool:
    for path in (store / "locks").iterdir():
        with locked_if_free(path) as free:
            if not free:
                return False
    return True


@pytest.mark.parametrize("how", SIGNALS)
def test_an_interrupted_sync(
    slow: CommandLine,
    faults: FaultProxy,
    store: Path,
    scratch: Path,
    how: signal.Signals,
) -> None:
    """Exit 130 while uv installs: no child, lock, receipt or scratch file is left; the next sync converges."""
    temporary = scratch / "tmp"
    temporary.mkdir()
    slow("lock", check=True)
    struck = faults.inject(r"/slow-.*whl$", Trickle(pause=0.2))
    more = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url, "TMPDIR": str(temporary)}
    process = slow.start("sync", env=more)
    wait_until(lambda: struck.hits, "uv downloads")
    _interrupt(process, how)
    assert _locks_are_free(store)
    assert not list(temporary.iterdir())
    assert not (store / "current").is_symlink()
    assert not list((store / "receipts").glob("web-*"))
    faults.clear()
    slow("sync", env=more, check=True)
    assert (store / "current/web/bin/web").exists()


@pytest.mark.parametrize("how", SIGNALS)
def test_an_interrupted_lock(
    slow: CommandLine,
    faults: FaultProxy,
    project: Path,
    scratch: Path,
    python_version: str,
    how: signal.Signals,
) -> None:
    """Exit 130 while uv resolves: no child, lockfile or scratch file is left; the next lock converges."""
    temporary = scratch / "tmp"
    temporary.mkdir()
    declared = declare_drivers({"web": [f"web{ASKS_UV}"]}, python=python_version)
    slow.declare(declared)
    struck = faults.inject(r"/simple/slow/", Hang())
    more = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url, "TMPDIR": str(temporary)}
    process = slow.start("lock", env=more)
    wait_until(lambda: struck.hits, "uv resolves")
    _interrupt(process, how)
    assert not (project / "locks").exists()
    assert not list(temporary.iterdir())
    faults.clear()
    slow("lock", env=more, check=True)
    assert slow("lock", "--check").code == 0


def test_a_second_signal_changes_nothing(slow: CommandLine, faults: FaultProxy) -> None:
    """Who presses Ctrl-C twice gets no traceback, and no child that is left behind."""
    slow("lock", check=True)
    struck = faults.inject(r"/slow-.*whl$", Hang())
    process = slow.start("sync", env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url})
    wait_until(lambda: struck.hits, "uv downloads")
    _interrupt(process, signal.SIGINT, twice=True)


def test_an_interrupt_while_an_index_is_asked_for_metadata(
    slow: CommandLine, index: IndexServer, faults: FaultProxy, project: Path
) -> None:
    """Threads that wait for an index do not hold up the end."""
    struck = faults.inject(r"/base-.*whl(\.metadata)?$", Hang())
    process = slow.start("lock", env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url})
    wait_until(lambda: struck.hits, "METADATA is asked for")
    sent = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - sent < SOON
    assert process.returncode == 130, stderr
    assert stderr.endswith("interrupted\n")
    assert not (project / "locks").exists()


def test_who_is_told_to_ignore_hangups_goes_on(slow: CommandLine, store: Path) -> None:
    """`nohup envbuild sync` outlives its terminal."""
    slow("lock", check=True)
    wrapper = ("sh", "-c", 'trap "" HUP; "$@" & sleep 0.4; kill -HUP $!; wait $!', "sh")
    result = slow.wrapped(wrapper, "sync")
    assert result.code == 0, result
    assert (store / "current/web/bin/web").exists()
