"""Disks that are full, read-only, broken or lose power."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.copies import Fleet
from tests.support.disks import Disk, mount_image, unmount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import Result

pytestmark = pytest.mark.root


@pytest.fixture
def disk(scratch: Path) -> Iterator[Disk]:
    """A disk that is not made yet; unmounted at the end."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("NOT TESTED: there is no mkfs.ext4")
    disk = Disk(scratch)
    yield disk
    disk.unmount()


def _on(fleet: Fleet, store: Path) -> Fleet:
    """The same fleet with its store elsewhere."""
    from dataclasses import replace

    run = replace(fleet.run, env={**fleet.run.env, "ENVBUILD_STORE": str(store)})
    return Fleet(run=run, store=store, python_version=fleet.python_version)


def _assert_refused(fleet: Fleet, result: Result) -> None:
    """A clear error, exit 5, and nothing that looks valid and is not."""
    assert result.code == 5, str(result)
    assert result.stderr.splitlines()[-1] or result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    if (fleet.store / "receipts").exists():
        assert fleet.broken() == ()
        fleet.assert_current_is_complete()


def _assert_recovers(fleet: Fleet) -> None:
    fleet.run("sync", check=True)
    assert fleet.findings() == []


@pytest.mark.parametrize("what", ["space", "inodes"])
def test_a_full_disk(
    fleet: Fleet,
    disk: Disk,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    what: str,
) -> None:
    """Wherever it gets full: exit 5, no receipt for a half, and once there is room all is well."""
    disk.make("-m", "0", "-N", "1024" if what == "inodes" else "16384")
    full = _on(fleet, disk.store)
    full.sync()
    free = shutil.disk_usage(disk.place).free
    full.remove()
    used = shutil.disk_usage(disk.place).free - free
    steps = amount(2, 12)
    refused = 0
    for step in range(steps):
        if what == "space":
            disk.leave_free(step * used // steps)
        else:
            disk.leave_inodes(3 + step * 300 // steps)
        result = full.run("sync")
        if result.code != 0:
            _assert_refused(full, result)
            refused += 1
        disk.make_room()
        _assert_recovers(full)
        full.remove()
    assert refused
    ledger(
        section="Disks",
        fault="disk full" if what == "space" else "no inode left",
        times=refused,
        held="exit 5 with the reason; every receipt is correct; with free space the next sync succeeds",
    )


def test_a_read_only_store(fleet: Fleet, disk: Disk, ledger: Callable[..., None]) -> None:
    """Everything that only looks goes on; everything that writes says why it cannot."""
    disk.make()
    store = _on(fleet, disk.store)
    store.sync()
    store.declare({"web": ["web==1.1"], "gate": ["gate"]})
    subprocess.run(("mount", "-o", "remount,ro", disk.place), check=True)
    try:
        for argv in (("sync",), ("gc",)):
            _assert_refused(store, store.run(*argv))
        for words in ("verify", "verify --quick", "history", "ps", "list"):
            store.run(*words.split(), check=True)
        assert store.run("which", "web").code == 0
    finally:
        subprocess.run(("mount", "-o", "remount,rw", disk.place), check=True)
    _assert_recovers(store)
    ledger(
        section="Disks",
        fault="read-only file system",
        times=7,
        held="sync and gc exit 5 and say why; verify, history, ps, list and which still work",
    )


_CALLS = ("fsync", "rename", "symlink", "fchmod", "flock")


@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED: there is no strace")
def test_a_broken_disk(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None], call: str
) -> None:
    """EIO from a system call of a switch: exit 5, `current` as it was, and the next sync succeeds."""
    fleet.sync()
    copy = fleet.keep("before")
    fleet.declare({"web": ["web==1.0"]})
    refused = 0
    for number in range(1, amount(2, 6) + 1):
        fleet.put_back(copy)
        result = fleet.injected(call, f"error=EIO:when={number}", "sync")
        if result.code == 0:
            continue
        refused += 1
        assert result.code == 5, result.stderr
        assert "Traceback" not in result.stderr, result.stderr
        fleet.assert_current_is_complete()
        fleet.run("sync", check=True)
    assert refused
    ledger(
        section="Disks",
        fault=f"EIO from `{call}` while switching",
        times=refused,
        held="exit 5; `current` complete; the next sync succeeds",
    )


def test_power_cut(
    fleet: Fleet,
    disk: Disk,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    scratch: Path,
) -> None:
    """The disk's image as it is at a random moment, mounted: nothing with a receipt fails `verify`."""
    disk.make()
    store = _on(fleet, disk.store)
    began = time.monotonic()
    store.sync()
    length = time.monotonic() - began
    store.remove()
    cuts, seen = amount(2, 10), 0
    for cut in range(cuts):
        process = store.run.start("sync")
        time.sleep(0.2 + length * cut / cuts)
        copy = scratch / "cut.img"
        subprocess.run(("cp", "--sparse=always", disk.image, copy), check=True)
        process.communicate(timeout=60)
        store.remove()
        subprocess.run(("sync", "-f", disk.place), check=True)
        seen += _look_at(copy, scratch / "d", disk, fleet)
    ledger(
        section="Disks",
        fault="power cut: the image of a mounted ext4, copied while a sync runs",
        times=cuts,
        held=f"no environment with a receipt fails `verify` ({seen} receipts were seen)",
    )


def _look_at(image: Path, place: Path, disk: Disk, fleet: Fleet) -> int:
    """Mount the copy where the disk was, as baked-in paths want it; how many receipts it has."""
    unmount(disk.place)
    try:
        mount_image(image, place)
        found = _on(fleet, disk.store)
        receipts = len(list((found.store / "receipts").glob("*.json")))
        assert found.broken() == ()
        found.assert_current_is_complete()
        _assert_recovers(found)
        return receipts
    finally:
        unmount(place)
        mount_image(disk.image, disk.place)
