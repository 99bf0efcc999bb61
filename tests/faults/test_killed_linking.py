"""SIGKILL at a system call of a build that links unpacked wheels."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

WHEELS, MODULES = 6, 500
"""Some thousand files."""

CALLS = {"linkat": 2000, "mkdirat": 40, "chmod": 40}
"""What it does, and how often at least."""

_SECONDS = 120.0


@pytest.fixture
def heavy(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver of so many modules, built, so that the next one is linked."""
    for number in range(WHEELS):
        files = {f"many{number}/p{module // 25}/m{module}.py": "" for module in range(MODULES)}
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
def test_a_kill_at_a_system_call(
    heavy: CommandLine,
    store: Path,
    python_version: str,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    call: str,
) -> None:
    """A build that is killed while it links begins anew."""
    times = amount(2, 10)
    killed = tried = 0
    while tried < times or (not killed and tried < _MOST_TRIES):
        at = 1 + CALLS[call] * (tried % times) // (2 * times)
        tried += 1
        driver = f"after-{tried}-{at}"
        _declare(heavy, python_version, driver)
        killed += _kill(heavy, (f"--trace={call}", f"--inject={call}:signal=KILL:when={at}"))
        heavy("sync", check=True)
        assert _modules(store, driver) == _modules(store, "one"), f"killed at {call} {at}"
        assert heavy("verify", "--format", "json").json["findings"] == []
    assert killed
    ledger(
        section="Killed",
        fault=f"SIGKILL at the Nth `{call}` of a build from the wheel cache (strace)",
        times=killed,
        held="the next run converges",
    )


def _kill(run: CommandLine, what: tuple[str, str]) -> bool:
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
