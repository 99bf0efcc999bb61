"""Whether all looks as it is recorded: what moves a folder's times and what does not, and who looks."""

from __future__ import annotations

import os
import signal
import stat
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.environment.stat_check import are_as_recorded
from envbuild.environment.stat_list import differing_paths, record_environment
from envbuild.environment.stat_record import (
    MAGIC,
    look_outside,
    read_parts,
    recorded_outside,
    with_outside,
)
from envbuild.posix.tree import walk_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TICKS = 0.03
"""Seconds after which the clock of file times has moved on."""


@pytest.fixture
def tree(scratch: Path) -> Path:
    """An environment of some hundred files, which nobody has touched for some ticks."""
    root = scratch / "env"
    for number in range(30):
        folder = root / "lib" / f"p{number}"
        (folder / "deep/er").mkdir(parents=True)
        for name in ("a.py", "b\nc.py", "deep/d.py", "deep/er/e.py"):
            (folder / name).write_text(name)
        (folder / "link").symlink_to("a.py")
    time.sleep(_TICKS)
    return root


def _clean(record: bytes, tree: Path, workers: int = 1, *, worth: int = 3000) -> bool:
    """What the quick way says; the slow way must say the same."""
    found = are_as_recorded([(record, tree)], workers, worth=worth)
    assert found == [not differing_paths(record, tree)]
    return found[0]


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The folders that are listed from now on."""
    found: list[bytes] = []
    listdir = os.listdir

    def spy(path: bytes) -> list[bytes]:
        found.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", spy)
    return found


def test_no_folder_is_listed_where_none_has_changed(tree: Path, listed: list[bytes]) -> None:
    """Folders say by their own times that nothing was added."""
    record = record_environment(tree)
    assert _clean(record, tree)
    assert listed == []


def test_moved_times_alone_are_no_finding(tree: Path, listed: list[bytes]) -> None:
    """Whoever changes a mode and changes it back, or adds a file and takes it away, has changed nothing."""
    record = record_environment(tree)
    for folder in (tree, tree / "lib/p3/deep"):
        mode = stat.S_IMODE(folder.stat().st_mode)
        folder.chmod(0o700)
        folder.chmod(mode)
    (tree / "lib/p4/new").touch()
    (tree / "lib/p4/new").unlink()
    assert _clean(record, tree)
    assert sorted(map(os.path.normpath, listed)) == sorted(
        os.fsencode(path) for path in (tree, tree / "lib/p3/deep", tree / "lib/p4")
    )


CHANGES: dict[str, Callable[[Path], object]] = {
    "an extra file": lambda p: (p / "deep/er/evil.py").touch(),
    "an extra folder": lambda p: (p / "deep/evil").mkdir(),
    "an extra file beside the root's own": lambda p: (p.parent.parent / "evil").touch(),
    "a file less": lambda p: (p / "deep/d.py").unlink(),
    "another name": lambda p: (p / "a.py").rename(p / "z.py"),
    "another file of the same kind": lambda p: _copy_over(p / "a.py"),
    "a link elsewhere": lambda p: _link_over(p / "link", "deep"),
    "a folder instead of a file": lambda p: _folder_over(p / "a.py"),
    "a link instead of a folder": lambda p: _moved_away(p / "deep"),
    "a mode": lambda p: (p / "a.py").chmod(0o600),
    "a folder's mode": lambda p: (p / "deep").chmod(0o700),
    "a time": lambda p: os.utime(p / "b\nc.py"),
    "a size": lambda p: _grown(p / "a.py"),
}


def _copy_over(path: Path) -> None:
    """The same content, mode and time in another inode."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _link_over(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _folder_over(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _moved_away(path: Path) -> None:
    """All below it can still be found by its path."""
    path.rename(path.with_name("away"))
    path.symlink_to("away")


def _grown(path: Path) -> None:
    """Longer, at the same time as before."""
    before = path.stat()
    with path.open("a") as stream:
        stream.write("#")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("what", CHANGES)
def test_what_differs_is_noticed(tree: Path, what: str, workers: int) -> None:
    """Whoever has looked at it, in whatever process."""
    record = record_environment(tree)
    assert _clean(record, tree, workers, worth=1)
    CHANGES[what](tree / "lib/p17")
    assert not _clean(record, tree, workers, worth=1)


def test_a_young_folder_is_always_listed(
    tree: Path, listed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added within the tick in which a folder was recorded need not move its times."""
    young = tree / "lib/young"
    young.mkdir()
    tick = young.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(time, "clock_gettime_ns", lambda _: tick)
        record = record_environment(tree)
    assert _clean(record, tree)
    assert sorted(listed) == [os.fsencode(young.parent), os.fsencode(young)]
    time.sleep(_TICKS)
    assert _clean(record_environment(tree), tree)
    assert sorted(listed) == [os.fsencode(young.parent), os.fsencode(young)]


def test_times_in_whole_seconds_tell_nothing(tree: Path, listed: list[bytes]) -> None:
    """A file system that keeps no fractions has each folder listed."""
    os.utime(tree / "lib/p1", ns=(0, 1_700_000_000 * 1_000_000_000))
    time.sleep(_TICKS)
    settled = {visit.folder: visit.settled for visit in walk_folders([os.fsencode(tree)])}
    assert [path for path, found in settled.items() if not found] == [os.fsencode(tree / "lib/p1")]
    assert _clean(record_environment(tree), tree)
    assert listed == [os.fsencode(tree / "lib/p1")]


def test_a_walk_leaves_what_has_not_settled_for_the_end(tree: Path) -> None:
    """It may settle meanwhile; nothing is visited twice."""
    late = tree / "lib/p17"
    os.utime(late, ns=(0, 1_700_000_000 * 1_000_000_000))
    visits = [visit.folder for visit in walk_folders([os.fsencode(tree)])]
    assert len(visits) == len(set(visits)) == 92
    assert visits[-3:] == [os.fsencode(path) for path in (late, late / "deep", late / "deep/er")]


def test_what_differs_is_named(tree: Path) -> None:
    """By its path, odd names included, in order."""
    (tree / os.fsdecode(b"lib/\xff\xfe")).touch()
    record = record_environment(tree)
    (tree / os.fsdecode(b"lib/\xff\xfe")).unlink()
    (tree / "lib/p2/b\nc.py").chmod(0o600)
    (tree / "lib/p3").chmod(0o700)
    assert differing_paths(record, tree) == ["lib/p2/b\\nc.py", "lib/p3", "lib/\udcff\udcfe"]


@pytest.mark.parametrize("cut", [1, 8, 100, -1])
def test_a_record_that_was_cut_is_no_record(tree: Path, cut: int) -> None:
    """Nothing is well because nothing was compared; and what is wrong can be said."""
    record = record_environment(tree)[: len(MAGIC) + cut if cut > 0 else cut]
    with pytest.raises(ValueError, match="the record"):
        read_parts(record)
    with pytest.raises(ValueError, match="the record"):
        differing_paths(record, tree)
    assert are_as_recorded([(record, tree)], 1) == [False]


@pytest.mark.parametrize("record", [MAGIC, b"", b"garbage\n"])
def test_a_record_of_nothing_is_not_this_one(tree: Path, record: bytes) -> None:
    """An environment that is there has entries."""
    assert are_as_recorded([(record, tree)], 1) == [False]


def test_one_environment_is_shared_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes look at a large one; for a small one none is started."""
    forks: list[int] = []
    fork = os.fork

    def counted() -> int:
        forks.append(os.getpid())
        return fork()

    monkeypatch.setattr(os, "fork", counted)
    record = record_environment(tree)
    assert _clean(record, tree, workers=2, worth=100)
    assert len(forks) == 1
    small = tree / "lib/p1"
    assert _clean(record_environment(small), small, workers=2, worth=100)
    assert len(forks) == 1


def test_a_killed_process_is_no_answer(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part was not looked at, nobody says that all is well."""
    record = record_environment(tree)
    own, lstat = os.getpid(), os.lstat

    def deadly(path: bytes) -> os.stat_result:
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)  # so that the other one has its turn
        return lstat(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", deadly)
        with pytest.raises(ChildProcessError, match="was killed"):
            are_as_recorded([(record, tree)], 2, worth=1)


def test_the_working_folder_stays(
    tree: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths of the caller mean the same afterwards, whatever was found."""
    monkeypatch.chdir(scratch)
    record = record_environment(tree)
    for _ in range(2):
        _clean(record, tree)
        assert os.getcwd() == str(scratch)  # noqa: PTH109
        (tree / "lib/p1/a.py").unlink(missing_ok=True)


def test_the_python_outside_is_recorded_beside_the_entries(tree: Path, scratch: Path) -> None:
    """Its size and time; the entries read as before, and older records have no Python."""
    python = scratch / "python3.99"
    python.write_bytes(b"12345")
    (tree / "bin").mkdir(exist_ok=True)
    (tree / "bin/python").symlink_to(python)
    plain = record_environment(tree)
    record = with_outside(plain, str(tree))
    looks = (5, python.stat().st_mtime_ns)
    assert recorded_outside(record) == {"bin/python": looks}
    assert look_outside(str(tree), "bin/python") == looks
    assert recorded_outside(plain) == {}
    assert [part.paths() for part in read_parts(record)] == [p.paths() for p in read_parts(plain)]
    python.unlink()
    assert with_outside(plain, str(tree)) == plain


@pytest.mark.parametrize("record", [b"", MAGIC, MAGIC + bytes(55), b"garbage" * 20])
def test_a_damaged_record_names_no_python(record: bytes) -> None:
    """Whatever is there is reported by the check of the entries."""
    assert recorded_outside(record) == {}
