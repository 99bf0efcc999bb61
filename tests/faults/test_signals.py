"""Signals at random moments, while uv works and while envbuild does."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked_if_free
from tests.faults.conftest import base_wheel
from tests.support.process_tree import descendants, is_alive, kill_tree, wait_until
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.copies import Fleet
    from tests.support.index_server import IndexServer

_PACKAGES = 10
_MODULES = 50


@pytest.fixture
def large(fleet: Fleet, index: IndexServer) -> Fleet:
    """A driver of some thousand files, so that uv has something to do."""
    names = [f"part{number}" for number in range(_PACKAGES)]
    for name in names:
        files = {f"{name}/m{n}.py": f"VALUE = {n}\n" * 20 for n in range(_MODULES)}
        index.add(Wheel(name=name, files={f"{name}/__init__.py": "", **files}))
    index.add(command_wheel("big", "1.0", requires=(*names, "base")), base_wheel())
    fleet.declare({"big": ["big"], "gate": ["gate"]})
    return fleet


def _clear(fleet: Fleet, *, warm: bool) -> None:
    """Take away the store, or all of it but what was downloaded."""
    if not warm:
        fleet.remove()
        return
    from tests.support.folders import remove_tree

    for name in ("envs", "receipts", "generations", "records", "locks", "temp", "trash"):
        if (fleet.store / name).exists():
            remove_tree(fleet.store / name)
    (fleet.store / "current").unlink(missing_ok=True)
    (fleet.store / "cache/stamp").unlink(missing_ok=True)


def _moments(longest: float) -> Iterator[float]:
    """Moments by chance, the same in every run, as many as it takes."""
    chance = random.Random(4)
    while True:
        yield chance.uniform(0.1, longest)


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_killed_while_uv_works(
    large: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None], warm: bool
) -> None:
    """No environment with a receipt is anything but whole, and the next sync converges."""
    large.sync()
    _clear(large, warm=warm)
    began = time.monotonic()
    large.sync()
    length = time.monotonic() - began
    undisturbed = large.result()
    killed, times = 0, amount(3, 30)
    for moment in _moments(length):
        if killed == times:
            break
        _clear(large, warm=warm)
        process = large.run.start("sync")
        time.sleep(moment)
        if killed % 2:
            os.kill(process.pid, signal.SIGKILL)  # uv goes on, and holds the lock
        else:
            kill_tree(process.pid)
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        assert large.broken() == (), f"killed after {moment:.3f} s"
        large.assert_current_is_complete()
        large.sync()
        assert large.result() == undisturbed, f"killed after {moment:.3f} s"
        assert large.broken() == ()
    ledger(
        section="Killed",
        fault=f"SIGKILL at random moments of a {'warm' if warm else 'cold'} sync",
        times=killed,
        held="no environment with a receipt fails `verify`; the next run converges",
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_interrupted(
    large: Fleet,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    how: signal.Signals,
) -> None:
    """Exit 130, children gone, locks free, nothing half there."""
    large.sync()
    undisturbed = large.result()
    stopped, times = 0, amount(2, 10)
    for moment in _moments(0.9):
        if stopped == times:
            break
        _clear(large, warm=True)
        process = large.run.start("sync")
        wait_until((large.store / "locks").exists, "envbuild is at work")
        time.sleep(moment)
        children = descendants(process.pid)
        process.send_signal(how)
        _, stderr = process.communicate(timeout=60)
        if process.returncode != 0:
            assert process.returncode == 130, stderr
            stopped += 1
        wait_until(lambda: not any(map(is_alive, children)), "no child is left")  # noqa: B023
        for lock in (large.store / "locks").glob("*"):
            with locked_if_free(lock) as free:
                assert free, lock
        assert large.broken() == ()
        large.assert_current_is_complete()
        large.sync()
        assert large.result() == undisturbed
    ledger(
        section="Interrupted",
        fault=f"{how.name} at random moments of a sync",
        times=stopped,
        held="exit 130, no child left, every lock free, every receipt is correct, the next run converges",
    )
