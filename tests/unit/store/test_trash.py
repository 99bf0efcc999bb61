"""What is deleted, whatever its modes, and how many bytes that frees for real."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.deletion import count_bytes, delete_tree
from envbuild.store.trash import Trash

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def trash(scratch: Path) -> Trash:
    """An empty one."""
    (scratch / "locks").mkdir()
    return Trash(folder=scratch / "trash")


@pytest.fixture
def tree(scratch: Path) -> Path:
    """A folder of folders with files of 40,000 bytes and a link."""
    root = scratch / "tree"
    for folder in (root, root / "a", root / "a/b"):
        folder.mkdir()
        (folder / "file").write_bytes(os.urandom(40_000))
    (root / "a/link").symlink_to("file")
    return root


@pytest.fixture
def large(scratch: Path) -> Path:
    """A tree that two processes delete: 300 folders side by side, with a file in and below each."""
    root = scratch / "large"
    for number in range(300):
        folder = root / f"lib/site-packages/p{number}"
        (folder / "below").mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 5_000)
        (folder / "below/file").write_bytes(b"y")
    (root / "lib/site-packages/top.py").write_bytes(b"z")
    return root


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pids of the processes that this one forks while this test runs."""
    pids: list[int] = []
    real = os.fork

    def fork() -> int:
        pid = real()
        if pid:
            pids.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", fork)
    return pids


def _blocks(*paths: Path) -> int:
    return sum(path.lstat().st_blocks for path in paths) * 512


def _everything(root: Path) -> list[Path]:
    return [root, *root.rglob("*")]


def test_what_is_freed_is_what_was_there(tree: Path) -> None:
    """Files, folders and links count with the blocks that they have on the disk."""
    size = _blocks(*_everything(tree))
    assert delete_tree(tree) == size
    assert not tree.exists()


def test_what_others_link_is_not_freed(tree: Path, scratch: Path) -> None:
    """A file that stays elsewhere frees nothing here."""
    os.link(tree / "a/file", scratch / "kept")
    size = _blocks(*_everything(tree)) - _blocks(scratch / "kept")
    assert count_bytes([tree]) == size
    assert delete_tree(tree) == size
    assert (scratch / "kept").stat().st_nlink == 1


def test_an_inode_counts_once(tree: Path) -> None:
    """A file with two names, both of which go, frees its blocks once."""
    os.link(tree / "a/file", tree / "again")
    size = _blocks(*_everything(tree)) - _blocks(tree / "again")
    assert count_bytes([tree]) == size
    assert delete_tree(tree) == size


def test_a_file_and_a_link_are_deleted_too(tree: Path, scratch: Path) -> None:
    """What stood in an environment's place may be anything; where a link leads is left alone."""
    (scratch / "link").symlink_to(tree)
    assert delete_tree(scratch / "link") == 0
    assert tree.is_dir()
    size = _blocks(tree / "file")
    assert delete_tree(tree / "file") == size
    assert delete_tree(tree / "file") == 0


def test_read_only_folders_are_deleted(tree: Path) -> None:
    """The folders of an environment are read-only."""
    for path in _everything(tree):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)
    delete_tree(tree)
    assert not tree.exists()


def test_the_working_folder_stays(
    tree: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting needs no working folder of its own; a path may be relative."""
    monkeypatch.chdir(scratch)
    delete_tree(Path("tree"))
    assert not tree.exists()
    assert Path.cwd() == scratch


def test_a_deep_tree_is_deleted(scratch: Path) -> None:
    """However deep: neither open files nor Python's stack are what ends it."""
    root = scratch / "deep"
    root.mkdir()
    folder = os.open(root, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
    delete_tree(root)
    assert not root.exists()


def test_emptying_leaves_a_note(tree: Path, trash: Trash) -> None:
    """What a deletion freed is known afterwards, and nothing where none was."""
    assert trash.last_emptied() is None
    assert trash.empty() == 0
    size = _blocks(*_everything(tree))
    trash.take(tree)
    assert trash.has_any()
    assert trash.empty() == size
    found = trash.last_emptied()
    assert found is not None
    assert found.freed == size
    trash.log.write_text("nonsense")
    assert trash.last_emptied() is None


def test_emptying_goes_on_by_itself(tree: Path, trash: Trash) -> None:
    """The caller goes on at once, and can read later what was freed."""
    size = _blocks(*_everything(tree))
    trash.take(tree)
    trash.empty_after()
    deadline = time.monotonic() + 10
    while (found := trash.last_emptied()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert found.freed == size
    assert not trash.has_any()


def test_what_a_killed_one_left_goes_next_time(tree: Path, trash: Trash) -> None:
    """A half of a tree in the trash is as good as a whole one."""
    trash.take(tree)
    (place,) = trash.folder.iterdir()
    (place / "a/b/file").unlink()
    trash.empty()
    assert not trash.has_any()


def test_a_large_tree_is_deleted_by_two(large: Path, forked: list[int]) -> None:
    """What both of them freed is told, nothing is left of the tree, and no process either."""
    size = _blocks(*_everything(large))
    assert delete_tree(large) == size
    assert not large.exists()
    assert len(forked) == 1
    _assert_no_process_is_left()


def test_a_small_tree_is_deleted_by_one(tree: Path, forked: list[int]) -> None:
    """Another process would cost more than it saves."""
    delete_tree(tree)
    assert not forked


def _assert_no_process_is_left() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_one_does_it_all_where_no_other_can_be_started(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host without room for another process costs time alone."""

    def refuse() -> int:
        raise BlockingIOError("no room")

    monkeypatch.setattr(os, "fork", refuse)
    size = _blocks(*_everything(large))
    assert delete_tree(large) == size
    assert not large.exists()


def _be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise OSError("no")


@pytest.mark.parametrize("end", [_be_killed, _fail])
def test_the_other_does_what_a_killed_one_has_left(
    large: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[], None]
) -> None:
    """Where one of the two ends amid its share, the tree goes all the same, and no process is left."""
    here = os.getpid()
    real = os.listdir

    def listed(folder: int) -> list[str]:
        if os.getpid() != here:
            os.unlink("file", dir_fd=folder)
            end()
        time.sleep(0.001)  # so that the other one gets a share
        return real(folder)

    monkeypatch.setattr(os, "listdir", listed)
    delete_tree(large)
    assert not large.exists()
    _assert_no_process_is_left()


def test_what_both_saw_is_told(large: Path, scratch: Path) -> None:
    """Of every file with further links it is told when it had changed last, whichever process took it away."""
    (scratch / "kept").mkdir()
    for number, path in enumerate(large.rglob("file")):
        os.link(path, scratch / f"kept/{number}")
    times = {status.st_ino: status.st_ctime_ns for status in map(os.stat, large.rglob("file"))}
    looks: dict[int, int] = {}
    delete_tree(large, looks)
    assert looks == times


def test_this_process_may_do_something_meanwhile(large: Path, scratch: Path) -> None:
    """What it does first is done once, by it, and from the folder where the caller was."""
    done = []
    delete_tree(large, {}, lambda: done.append((os.getpid(), Path.cwd())))
    assert done == [(os.getpid(), Path.cwd())]


_HANG = """
import os, pathlib, sys, time
from envbuild.store.trash import Trash

real = os.listdir

def listed(folder):
    print("listing", flush=True)
    deadline = time.monotonic() + 60
    while not os.path.exists(sys.argv[2]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return real(folder)

os.listdir = listed
getattr(Trash(folder=pathlib.Path(sys.argv[1])), sys.argv[3])()
"""


def test_who_deletes_keeps_nothing_of_the_caller(large: Path, trash: Trash, scratch: Path) -> None:
    """The caller's pipes are closed when it ends, though two processes are still deleting."""
    trash.take(large)
    go = scratch / "go"
    argv = (sys.executable, "-c", _HANG, str(trash.folder), str(go), "empty_after")
    try:
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
        assert trash.has_any()
    finally:
        go.touch()
    deadline = time.monotonic() + 30
    while trash.last_emptied() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not trash.has_any()


def test_two_do_not_empty_the_same_trash(large: Path, trash: Trash, scratch: Path) -> None:
    """Who comes second waits, and the log keeps the whole of what the first one freed."""
    size = _blocks(*_everything(large))
    trash.take(large)
    argv = (sys.executable, "-c", _HANG, str(trash.folder), str(scratch / "go"), "empty")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"listing\n"
        second = threading.Thread(target=trash.empty, daemon=True)
        second.start()
        second.join(0.5)
        (scratch / "go").touch()
        second.join(30)
        assert first.wait(30) == 0
    found = trash.last_emptied()
    assert found is not None
    assert found.freed == size
    assert not trash.has_any()


def test_a_pipe_in_place_of_a_receipt_stops_nothing(trash: Trash, tree: Path) -> None:
    """What lies in a store may once have been another user's; opening a pipe would wait for ever."""
    trash.take(tree)
    os.mkfifo(trash.folder / f"{tree.name}.json.1")
    emptying = threading.Thread(target=trash.empty, daemon=True)
    emptying.start()
    emptying.join(20)
    assert not emptying.is_alive()
    assert not trash.has_any()


@pytest.fixture
def unmovable(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that cannot be renamed, like a folder of a lower layer of overlayfs."""
    root = scratch / "web-1.0"
    (root / "bin").mkdir(parents=True)
    (root / "bin/python").symlink_to(sys.executable)
    (root / "bin/web").write_text("#!/bin/sh\n")
    (root / "bin").chmod(0o555)
    root.chmod(0o555)
    real = os.rename

    def rename(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        if Path(source) == root:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source))
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    return root


def test_what_cannot_be_renamed_is_deleted_in_its_place(trash: Trash, unmovable: Path) -> None:
    """It is gone when `take` returns, as after a rename."""
    assert trash.take(unmovable) is not None
    assert not unmovable.exists()
    trash.empty()
    assert not trash.has_any()


def test_what_came_into_use_stays_though_it_cannot_be_renamed(
    trash: Trash, unmovable: Path
) -> None:
    """When it is asked whether anybody uses it, nothing can start from there any more; then all is as it was."""
    asked = []

    def is_used(path: Path) -> bool:
        asked.append(os.path.lexists(path / "bin/python"))
        return True

    assert trash.take(unmovable, is_used) == unmovable
    assert asked == [False]
    assert str((unmovable / "bin/python").readlink()) == sys.executable
    assert sorted(path.name for path in (unmovable / "bin").iterdir()) == ["python", "web"]
    assert (unmovable / "bin").stat().st_mode & 0o777 == 0o555
    assert not trash.has_any()
