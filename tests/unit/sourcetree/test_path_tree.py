"""What decides whether a folder is the source that was locked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.posix.process import SystemRunner
from envbuild.sourcetree.path_tree import PathTree, Read, read_path
from tests.support.repository import commit, git

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> Read:
    """A folder as a source."""
    return read_path(PathTree(folder=str(folder), shown="svc"), SystemRunner(), os.environ)


def test_a_tracked_file_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    """The folder that misses it is looked at: if the file comes back, git's index may stay as it is."""
    for name in ("a", "in/b", "in/side/c", "gone/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "all")
    index = str(tmp_path / ".git/index")
    whole = read(tmp_path)
    assert whole.watched == (index, "a", "gone/d", "in/b", "in/side/c")
    (tmp_path / "in/b").unlink()
    (tmp_path / "gone/d").unlink()
    (tmp_path / "gone").rmdir()
    less = read(tmp_path)
    assert less.watched == (index, ".", "in", "a", "in/side/c")
    assert less.snapshot != whole.snapshot
    for name in ("a", "in/side/c"):
        (tmp_path / name).unlink()
    assert read(tmp_path).watched == (index, ".", "in", "in/side")
