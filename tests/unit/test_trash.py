"""What is deleted, whatever its modes, and how many bytes that frees for real."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from envbuild.system.deletion import count_bytes, delete_tree
from envbuild.system.trash import Trash


@pytest.fixture
def trash(scratch: Path) -> Trash:
    """An empty one."""
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
    """Deleting goes from folder to folder, and comes back; a path may be relative to where it was."""
    monkeypatch.chdir(scratch)
    delete_tree(Path("tree"))
    assert not tree.exists()
    assert Path.cwd() == scratch


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
