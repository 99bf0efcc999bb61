"""Whichever of the two processes is killed that link unpacked wheels, the environments come out the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.process_tree import is_alive, wait_for_descendant, wait_for_end, wait_until
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

WHEELS, MODULES = 6, 200
LONG = "m" * 120
"""Enough for a second process, which starts by the length of the wheels' tables, and for each to have some."""

CALLS = {"linkat": 800, "mkdirat": 16, "chmod": 16}
"""What both processes do, and how often each of them at least."""

_SECONDS = 120.0


@pytest.fixture
def heavy(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver of so many modules, built, so that the next one is linked."""
    for number in range(WHEELS):
        files = {f"many{number}/p{module // 25}/{LONG}{module}.py": "" for module in range(MODULES)}
        index.add(Wheel(name=f"many{number}", files=files, bare=True))
    index.add(command_wheel("runner", requires=[f"many{number}" for number in range(WHEELS)]))
    _declare(run_envbuild, python_version)
    run_envbuild("sync", check=True)
    return run_envbuild


def _declare(run: CommandLine, python: str, *drivers: str) -> None:
    """Declare and lock the driver that is there, and more of the same wheels."""
    requires = {name: ["runner"] for name in ("one", *drivers)}
    text = declare_drivers(requires, python=python)
    for name in requires:
        text = text.replace(f"[drivers.{name}]\n", f'[drivers.{name}]\nbinary = "runner"\n')
    run.declare(text)
    run("lock", check=True)


def _modules(store: Path, driver: str) -> Any:
    """What the receipt says of all that does not name its environment."""
    name = (store / "current" / driver).resolve().name
    table = json.loads((store / f"receipts/{name}.json").read_text())
    files = [row for row in table["files"] if "/many" in row[0] and "dist-info" not in row[0]]
    assert len(files) == 2 * MODULES * WHEELS
    return [files, [row for row in table["folders"] if "/many" in row[0]]]


_MOST_TRIES = 8
"""How often a process may have ended before anybody could kill it, on a busy machine."""


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED: there is no strace")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("who", ["envbuild", "the process beside it"])
def test_a_kill_at_a_system_call(
    heavy: CommandLine,
    store: Path,
    python_version: str,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    call: str,
    who: str,
) -> None:
    """The build goes on in one process, or the next one begins it anew."""
    kill = _kill_envbuild if who == "envbuild" else _kill_the_other
    times = amount(2, 10)
    killed = tried = 0
    while tried < times or (not killed and tried < _MOST_TRIES):
        at = 1 + CALLS[call] * (tried % times) // (2 * times)
        tried += 1
        driver = f"after-{tried}-{at}"
        _declare(heavy, python_version, driver)
        killed += kill(heavy, (f"--trace={call}", f"--inject={call}:signal=KILL:when={at}"))
        heavy("sync", check=True)
        assert _modules(store, driver) == _modules(store, "one"), f"killed at {call} {at}"
        assert heavy("verify", "--format", "json").json["findings"] == []
    assert killed
    ledger(
        section="Killed",
        fault=f"SIGKILL at the Nth `{call}` of a build from the wheel cache (strace): {who}",
        times=killed,
        held="the next run converges"
        if who == "envbuild"
        else "the build goes on in one process; the same files",
    )


def _kill_envbuild(run: CommandLine, what: tuple[str, str]) -> bool:
    """A sync that is killed, if it came so far."""
    log = run.cwd / "strace.log"
    argv = ("strace", "-f", "-q", "-o", str(log), *what)
    done = subprocess.run(
        (*argv, sys.executable, "-m", "envbuild", "sync"),
        cwd=run.cwd,
        env=dict(run.env),
        capture_output=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def _kill_the_other(run: CommandLine, what: tuple[str, str]) -> bool:
    """A sync whose other process is killed, if it came so far before nothing was left to be done."""
    process = run.start("sync")
    log = run.cwd / "strace.log"
    try:
        pid = wait_for_descendant(process.pid, "second_process")
        os.kill(pid, signal.SIGSTOP)  # until strace is there
        argv = ("strace", "-q", "-o", str(log), *what, "-p", str(pid))
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as tracer:
            try:
                wait_until(lambda: _tracer_of(pid) != 0, "strace is there")
                os.kill(pid, signal.SIGCONT)
                _, said = process.communicate(timeout=_SECONDS)
                tracer.wait(_SECONDS)
            finally:
                tracer.kill()
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, said
    return "+++ killed by SIGKILL +++" in log.read_text()


def _tracer_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("TracerPid:")[2].split()[0])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_other_process_may_be_ended_at_any_time(
    heavy: CommandLine, store: Path, python_version: str, how: signal.Signals
) -> None:
    """Before it was told what to do, or in the midst of it: the build comes to the same, and says so."""
    for delay in (0.0, 0.05, 0.1, 0.2):
        driver = f"after-{round(delay * 1000)}"
        _declare(heavy, python_version, driver)
        process = heavy.start("sync")
        try:
            other = wait_for_descendant(process.pid, "second_process")
            time.sleep(delay)
            if is_alive(other):
                os.kill(other, how)
            _, said = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
        assert process.returncode == 0, said
        assert _modules(store, driver) == _modules(store, "one")
    assert heavy("verify", "--format", "json").json["findings"] == []


def test_the_other_process_ends_when_envbuild_is_killed(
    heavy: CommandLine, store: Path, python_version: str
) -> None:
    """By itself, and nobody builds beside it: the next sync is as good as any."""
    for delay in (0.0, 0.05, 0.1, 0.2):
        driver = f"after-{round(delay * 1000)}"
        _declare(heavy, python_version, driver)
        process = heavy.start("sync")
        other = wait_for_descendant(process.pid, "second_process")
        time.sleep(delay)
        process.kill()
        process.communicate(timeout=_SECONDS)
        heavy("sync", check=True)
        wait_for_end(other)
        assert _modules(store, driver) == _modules(store, "one")
    assert heavy("verify", "--format", "json").json["findings"] == []
