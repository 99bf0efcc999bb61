"""Many at once: syncs of one fleet, syncs of others, gc, rollback and readers, on one store."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.command_line import CommandLine, declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.copies import Fleet
    from tests.support.command_line import Result
    from tests.support.index_server import IndexServer

_READER = """\
import os, sys, time
folder, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
reads = failed = 0
while time.monotonic() < end:
    for name in ("web", "gate"):
        try:
            with open(f"{folder}/{name}", "rb") as stream:
                stream.read(64)
        except OSError as error:
            failed += 1
            print(error, file=sys.stderr)
        reads += 1
    time.sleep(0.0002)
print(reads, failed)
"""


def test_sixteen_syncs_of_one_fleet(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None]
) -> None:
    """All exit 0, each environment is built once, one generation is made."""
    count = amount(6, 16)
    running = [fleet.run.start("sync") for _ in range(count)]
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * count, said
    built = [line for out, _ in said for line in out.splitlines() if ": built" in line]
    assert len(built) == 2, built
    assert os.listdir(fleet.store / "generations") == ["1"]  # noqa: PTH208
    assert fleet.findings() == []
    ledger(
        section="Many at once",
        fault=f"{count} syncs of one fleet on an empty store",
        times=count,
        held="all exit 0; each environment built once; one generation",
    )


def test_everything_at_once(
    fleet: Fleet,
    index: IndexServer,
    scratch: Path,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
) -> None:
    """While fleets are synced, collected and rolled back, `current/bin/*` can always be read."""
    fleet.sync()
    others = [_other_fleet(fleet, index, scratch, number) for number in range(amount(2, 8))]
    seconds = amount(8, 60)
    reader = (sys.executable, "-c", _READER, str(fleet.store / "current/bin"), str(seconds))
    readers = [
        subprocess.Popen(reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    stop = threading.Event()
    results: dict[str, list[Result]] = {"sync": [], "gc": [], "rollback": []}
    loops = [
        threading.Thread(target=_loop, args=(stop, other, ("sync",), results["sync"]))
        for other in others
    ]
    loops += [
        threading.Thread(target=_loop, args=(stop, fleet.run, (verb,), results[verb]))
        for verb in ("gc", "rollback")
    ]
    for thread in loops:
        thread.start()
    said = [process.communicate(timeout=seconds + 120) for process in readers]
    stop.set()
    for thread in loops:
        thread.join()
    reads = sum(int(out.split()[0]) for out, _ in said)
    failed = sum(int(out.split()[1]) for out, _ in said)
    assert failed == 0, said
    for verb, allowed in (("sync", {0}), ("gc", {0}), ("rollback", {0, 1})):
        for result in results[verb]:  # 1: nothing before it is left
            assert result.code in allowed, f"{verb}: {result}"
    assert fleet.broken() == ()
    fleet.assert_current_is_complete()
    ledger(
        section="Many at once",
        fault=(
            f"{len(others)} fleets synced in loops ({len(results['sync'])} syncs) with {len(results['gc'])} gcs "
            f"and {len(results['rollback'])} rollbacks, for {seconds} s"
        ),
        times=sum(map(len, results.values())),
        held=f"0 of {reads:,} reads of `current/bin/*` failed; every sync and gc exits 0; nothing is broken",
    )


def _other_fleet(fleet: Fleet, index: IndexServer, scratch: Path, number: int) -> CommandLine:
    """Another declaration for the same store: the same two commands and a third."""
    name = f"extra{number}"
    index.add(command_wheel(name, "1.0", requires=("base",)))
    folder = scratch / name
    folder.mkdir()
    run = replace(fleet.run, cwd=folder)
    drivers = {"web": ["web==1.0"], "gate": ["gate"], name: [name]}
    run.declare(declare_drivers(drivers, python=fleet.python_version))
    run("lock", check=True)
    return run


def _loop(
    stop: threading.Event, run: CommandLine, argv: tuple[str, ...], results: list[Result]
) -> None:
    while not stop.is_set():
        results.append(run(*argv))
        time.sleep(0.05)
