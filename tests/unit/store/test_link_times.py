"""Removing an environment costs the next sync nothing, and hides no tampering."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.deletion import delete_tree
from envbuild.store.link_times import WatchedRemoval
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linking import SitePackages
from tests.support.entries import counted_entries, date_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CONTENT = {"a.py": b"x = 1\n", "p/b.py": b"y = 2\n"}
WHEEL = "0" * 64


@pytest.fixture
def cache(scratch: Path) -> Path:
    """A cache with one unpacked wheel that two environments link."""
    entries = Entries(scratch / "cache/wheels")
    assert entries.is_usable()
    _keep(entries, WHEEL, CONTENT)
    for name in ("one", "two"):
        (scratch / name).mkdir()
        assert entries.link(WHEEL, SitePackages(scratch / name)) is not None
    _tick()
    return scratch / "cache"


def _keep(
    entries: Entries,
    name: str,
    content: Mapping[str, bytes],
    put: Callable[[Path, bytes], object] = lambda path, content: path.write_bytes(content),
) -> None:
    with entries.making(name):
        folder = entries.begin(name)
        rows = []
        for number, (path, written) in enumerate(content.items()):
            put(folder / str(number), written)
            rows.append((path, hashlib.sha256(written).hexdigest()))
        entries.publish(name, folder, rows, {})


def _tick() -> None:
    """Wait until the kernel's times, which move on by ticks, are others."""
    time.sleep(0.05)


@pytest.fixture
def read() -> list[bytes]:
    """The names of the files that `_link` reads to believe them."""
    return []


def _link(
    cache: Path,
    name: str,
    *,
    wheel: str = WHEEL,
    skip: tuple[str, ...] = (),
    read: list[bytes] | None = None,
) -> bool:
    place = cache.parent / name
    place.mkdir()
    entries = counted_entries(cache / "wheels", [] if read is None else read)
    linked = entries.link(wheel, SitePackages(place), skip=skip)
    _tick()
    return linked is not None


def _remove(cache: Path, name: str, *wheels: str) -> None:
    with WatchedRemoval(cache, wheels or (WHEEL,)) as watched:
        delete_tree(cache.parent / name, watched.looks, watched.list_files)
    _tick()


def _poison(path: Path) -> None:
    """Write through a link, and hide it: size and mtime stay."""
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b" = ", b" - "))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _stamp(cache: Path) -> tuple[int, int]:
    status = (cache / "wheels" / WHEEL / "stamp").stat()
    return status.st_mtime_ns, status.st_ctime_ns


def test_what_was_witnessed_is_not_read_again(cache: Path, read: list[bytes]) -> None:
    """After an environment went, linking its wheels again reads none of their files."""
    _remove(cache, "one")
    assert _link(cache, "three", read=read)
    assert read == []


def test_without_a_witness_every_file_is_read(cache: Path, read: list[bytes]) -> None:
    """An unlinked file looks like one that was written to, and is read before it is believed."""
    delete_tree(cache.parent / "one")
    assert _link(cache, "three", read=read)
    assert sorted(read) == [b"0", b"1"]


def test_removing_hides_no_tampering(cache: Path) -> None:
    """A file that was changed before its environment went is found out afterwards."""
    _poison(cache.parent / "two/a.py")
    with WatchedRemoval(cache, [WHEEL]) as watched:
        delete_tree(cache.parent / "one", watched.looks, watched.list_files)
        delete_tree(cache.parent / "two", watched.looks, watched.list_files)
    assert not _link(cache, "three")


def test_an_entry_in_use_is_left_alone(cache: Path, read: list[bytes]) -> None:
    """Who links at the same time is not disturbed; the entry is read the next time."""
    entries = Entries(cache / "wheels")
    with entries.making(WHEEL), WatchedRemoval(cache, [WHEEL]) as watched:
        delete_tree(cache.parent / "one", watched.looks, watched.list_files)
    assert _link(cache, "three", read=read)
    assert sorted(read) == [b"0", b"1"]


def test_a_wheel_that_is_not_kept_is_no_error(cache: Path) -> None:
    """What the cache has lost needs no witness."""
    _remove(cache, "one", "1" * 64)
    assert not (cache.parent / "one").exists()


def test_a_write_while_others_are_unlinked_is_found(cache: Path) -> None:
    """A file that was as it should be when the removal began is looked at again when its link goes."""
    with WatchedRemoval(cache, [WHEEL]) as watched:
        watched.list_files()
        _poison(cache.parent / "two/a.py")
        delete_tree(cache.parent / "one", watched.looks)
    assert not _link(cache, "three")


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_the_environment_does_not_link_is_looked_at_too(cache: Path, when: str) -> None:
    """A file of the entry that the removal moves nothing of is compared when all is deleted."""
    assert _link(cache, "part", skip=("a.py",))
    with WatchedRemoval(cache, [WHEEL]) as watched:
        if when == "before":
            _poison(cache.parent / "two/a.py")
        delete_tree(cache.parent / "part", watched.looks, watched.list_files)
        if when == "after":
            _poison(cache.parent / "two/a.py")
    assert not _link(cache, "three")


def test_what_the_environment_does_not_link_stays_believed(cache: Path, read: list[bytes]) -> None:
    """An environment that lacks a file of an entry is witnessed as well as another."""
    assert _link(cache, "part", read=read, skip=("a.py",))
    _remove(cache, "part")
    assert _link(cache, "three", read=read)
    assert read == []


def test_one_environment_after_the_other(cache: Path, read: list[bytes]) -> None:
    """The second witness finds the window that the first has left, and all stays believed."""
    _remove(cache, "one")
    _remove(cache, "two")
    assert _link(cache, "three", read=read)
    assert read == []


def test_a_write_between_two_removals_is_found(cache: Path) -> None:
    """What was written after the first was gone lies outside the window that its witness has left."""
    _remove(cache, "one")
    _poison(cache.parent / "two/p/b.py")
    _remove(cache, "two")
    assert not _link(cache, "three")


@pytest.mark.parametrize("poisoned", [False, True])
def test_an_inode_of_two_entries(cache: Path, read: list[bytes], *, poisoned: bool) -> None:
    """It must lie in the windows of both: that the one believes it says nothing to the other."""
    entries, other = Entries(cache / "wheels"), "2" * 64
    shared = entries.folder(WHEEL) / "0"
    if poisoned:
        _poison(shared)
    content = shared.read_bytes()
    _keep(entries, other, {"c.py": content}, lambda path, _: os.link(shared, path))
    _tick()
    _remove(cache, "one", WHEEL, other)
    assert _link(cache, "three", read=read, wheel=other)
    assert read == []
    assert _link(cache, "four", read=read) is not poisoned
    assert b"0" in read


def test_an_inode_of_two_names_in_the_environment(cache: Path, read: list[bytes]) -> None:
    """It counts as it was when the first of them went; the second has moved by that alone."""
    os.link(cache.parent / "one/a.py", cache.parent / "one/p/again.py")
    _tick()
    assert _link(cache, "three", read=read)
    assert read == [b"0"]
    read.clear()
    _remove(cache, "one")
    assert _link(cache, "four", read=read)
    assert read == []


def test_an_environment_of_copies_moves_nothing(cache: Path, read: list[bytes]) -> None:
    """What shares no file with an entry, as in link mode copy, leaves its stamp alone, poisoned or not."""
    shutil.copytree(cache.parent / "one", cache.parent / "copy")
    before = _stamp(cache)
    _remove(cache, "copy")
    assert _stamp(cache) == before
    assert _link(cache, "three", read=read)
    assert read == []
    before = _stamp(cache)
    shutil.copytree(cache.parent / "one", cache.parent / "copy")
    _poison(cache.parent / "two/a.py")
    _remove(cache, "copy")
    assert _stamp(cache) == before
    assert not _link(cache, "four", read=read)


def test_what_may_not_have_reached_the_disk_is_not_witnessed(
    cache: Path, read: list[bytes]
) -> None:
    """An entry that was not synced before the host was started gets no window, and is still read afterwards."""
    date_back(cache / "wheels" / WHEEL)
    before = _stamp(cache)
    _remove(cache, "one")
    assert _stamp(cache) == before
    assert _link(cache, "three", read=read)
    assert sorted(read) == [b"0", b"1"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_in_anothers_place_is_found(cache: Path, when: str) -> None:
    """Another inode under an entry's number, or none, does not pass for the one that was kept."""
    folder = cache / "wheels" / WHEEL
    shutil.copy2(folder / "0", cache / "other")
    _poison(cache / "other")
    with WatchedRemoval(cache, [WHEEL]) as watched:
        if when == "before":
            (cache / "other").replace(folder / "0")
        delete_tree(cache.parent / "one", watched.looks, watched.list_files)
        if when == "after":
            (cache / "other").replace(folder / "0")
    assert not _link(cache, "three")


def test_an_entry_that_goes_meanwhile_is_no_error(cache: Path) -> None:
    """What somebody takes from the cache in spite of the lock needs no witness any more."""
    with WatchedRemoval(cache, [WHEEL]) as watched:
        shutil.rmtree(cache / "wheels" / WHEEL)
        delete_tree(cache.parent / "one", watched.looks, watched.list_files)
    assert not (cache.parent / "one").exists()


@pytest.fixture
def large(cache: Path) -> str:
    """A wheel of 300 packages, kept and linked into `big` and `bigger`, which two processes delete."""
    name = "3" * 64
    content = {f"p{number}/m.py": b"x = %d\n" % number for number in range(300)}
    _keep(Entries(cache / "wheels"), name, content)
    for environment in ("big", "bigger"):
        assert _link(cache, environment, wheel=name)
    return name


def test_two_processes_witness_as_one(cache: Path, large: str, read: list[bytes]) -> None:
    """What both have seen counts, so that nothing is read again."""
    _remove(cache, "big", large)
    assert _link(cache, "three", read=read, wheel=large)
    assert read == []


@pytest.mark.parametrize("number", [0, 7, 150, 298, 299])
def test_two_processes_hide_no_tampering(cache: Path, large: str, number: int) -> None:
    """A changed file is found out whichever process unlinks it."""
    _poison(cache.parent / f"bigger/p{number}/m.py")
    _remove(cache, "big", large)
    assert not _link(cache, "three", wheel=large)


def test_what_a_killed_process_saw_is_read_again(
    cache: Path, large: str, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one of the two is killed after it has deleted, the entry is not stamped, and a change is found."""
    here = os.getpid()
    real = os.rmdir

    def removed(folder: bytes, *, dir_fd: int) -> None:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)  # so that the other one gets a share
        real(folder, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", removed)
    _remove(cache, "big", large)
    assert not (cache.parent / "big").exists()
    assert _link(cache, "three", read=read, wheel=large)
    assert len(read) == 300
