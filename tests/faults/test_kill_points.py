"""SIGKILL before every single change that envbuild makes to a store, in each operation that makes any."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.copies import Fleet

_KILLER = Path(__file__).parent / "killer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Something that changes a store."""

    argv: tuple[str, ...]
    prepare: Callable[[Fleet], None]
    """From a locked fleet without a store to the state in which the operation is tried."""

    outcome: Callable[[Fleet], Any]
    """What it came to, to be compared with an undisturbed run."""

    ready: Callable[[Fleet], None] | None = None
    """Makes anew what a copied store has not: unpacked wheels, whose inodes count."""


@pytest.fixture
def counted(fleet: Fleet, tmp_path: Path) -> Callable[[tuple[str, ...], int], tuple[int, int]]:
    """`counted(argv, n)` runs envbuild, killed before its n-th change; exit code and changes seen."""

    def run(argv: tuple[str, ...], at: int) -> tuple[int, int]:
        log = tmp_path / "points"
        log.write_bytes(b"")
        paths = (str(_KILLER), fleet.run.env.get("PYTHONPATH"))
        more = {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "ENVBUILD_TEST_STORE": str(fleet.store),
            "ENVBUILD_TEST_KILL_AT": str(at),
            "ENVBUILD_TEST_LOG": str(log),
        }
        code = fleet.run(*argv, env=more).code
        _wait_for_trash(fleet, seconds=5 if at == 0 else 0.4)
        return code, log.read_bytes().count(b"\n")

    return run


def _wait_for_trash(fleet: Fleet, *, seconds: float) -> None:
    """Wait for what deletes in the background; a killed one leaves the trash as it is."""
    deadline = time.monotonic() + seconds
    trash = fleet.store / "trash"
    while trash.is_dir() and any(trash.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)


def _put_back(fleet: Fleet, copy: Path) -> None:
    """The store as it was, its inodes being new ones."""
    fleet.put_back(copy)
    store = Store(root=fleet.store)
    for path in (fleet.store / "receipts").glob("*.json"):
        if store.is_valid(path.stem):
            store.write_stats(path.stem)


def _nothing(fleet: Fleet) -> None:
    """Everything downloaded, nothing built."""
    fleet.sync()
    fleet.declare({"web": ["web==1.0"]})
    for name in ("envs", "receipts", "generations", "records", "locks"):
        for path in sorted((fleet.store / name).rglob("*"), reverse=True):
            path.parent.chmod(0o755)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (fleet.store / "current").unlink()
    (fleet.store / "cache/stamp").unlink(missing_ok=True)


def _nothing_but_caches(fleet: Fleet) -> None:
    """Every wheel and its bytecode cached, nothing built."""
    fleet.run("sync", check=True)
    _nothing(fleet)


def _two_generations(fleet: Fleet) -> None:
    fleet.sync()
    fleet.declare({"web": ["web==1.1"], "gate": ["gate"]})
    fleet.sync()


def _another_declared(fleet: Fleet) -> None:
    """A generation with two drivers, and a declaration that wants one of them."""
    fleet.sync()
    fleet.declare({"web": ["web==1.0"]})


def _three_generations(fleet: Fleet) -> None:
    _two_generations(fleet)
    fleet.declare({"gate": ["gate"]})
    fleet.sync()


def _tampered(fleet: Fleet) -> None:
    fleet.declare({"web": ["web==1.0"]})
    fleet.sync()
    path = fleet.site_packages("web") / "base/part_1.py"
    path.unlink()
    path.write_text("EVIL = 1\n")
    shim = fleet.store / "current/bin/web"
    shim.unlink()
    shim.symlink_to("/bin/true")


def _result(fleet: Fleet) -> Any:
    return fleet.result()


def _collected(fleet: Fleet) -> Any:
    names = ("envs", "receipts", "generations", "records")
    held = {name: _names(fleet.store / name) for name in (*names, "trash")}
    return {**held, **fleet.result()}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


OPERATIONS = {
    "build": Operation(argv=("sync",), prepare=_nothing, outcome=_result),
    "build of unpacked wheels": Operation(
        argv=("sync",), prepare=_nothing, outcome=_result, ready=_nothing_but_caches
    ),
    "switch": Operation(argv=("sync",), prepare=_another_declared, outcome=_result),
    "rollback": Operation(argv=("rollback", "1"), prepare=_two_generations, outcome=_result),
    "gc": Operation(argv=("gc", "--keep", "1"), prepare=_three_generations, outcome=_collected),
    "repair": Operation(argv=("verify", "--repair"), prepare=_tampered, outcome=_result),
}


@pytest.mark.parametrize("name", OPERATIONS, ids=lambda name: name.replace(" ", "-"))
def test_a_kill_before_every_change(
    fleet: Fleet,
    counted: Callable[[tuple[str, ...], int], tuple[int, int]],
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    name: str,
) -> None:
    """`current` is complete after every kill, and the next run ends as if nobody had been killed."""
    operation = OPERATIONS[name]
    operation.prepare(fleet)
    copy = fleet.keep("before")
    _put_back(fleet, copy)
    if operation.ready is not None:
        operation.ready(fleet)
    code, total = counted(operation.argv, 0)
    assert code == 0
    undisturbed = operation.outcome(fleet)
    assert total > 1, "the killer does not see what envbuild does"
    killed = 0
    for at in range(1, total + 1, amount(max(1, total // 4), 1)):
        _put_back(fleet, copy)
        if operation.ready is not None:
            operation.ready(fleet)
        code, _ = counted(operation.argv, at)
        if code == 0:  # a child was killed, or threads took another turn
            assert name in ("gc", "build", "build of unpacked wheels", "repair")
        else:
            assert code == -signal.SIGKILL
            killed += 1
        fleet.assert_current_is_complete()
        if name != "repair":
            assert fleet.broken() == (), f"killed before change {at}"
        fleet.run(*operation.argv, check=True)
        _wait_for_trash(fleet, seconds=20)
        assert operation.outcome(fleet) == undisturbed, f"killed before change {at}"
        assert fleet.findings() == [], f"killed before change {at}"
    assert killed
    ledger(
        section="Killed",
        fault=f"SIGKILL before every change to the store: {name}",
        times=killed,
        held="`current` complete at every moment; every receipt is correct; the next run converges",
    )
