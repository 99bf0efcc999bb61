"""What a file system can do, and what a probe of it leaves."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envbuild.posix.abilities import SCRATCH, probe_folder, remove_left

if TYPE_CHECKING:
    from pathlib import Path


def test_a_probe_leaves_nothing(tmp_path: Path) -> None:
    """Its folder is gone when it has ended."""
    assert probe_folder(tmp_path).symbolic_links
    assert not list(tmp_path.iterdir())


def test_only_what_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    """Commands that run at the same time have folders of their own there."""
    running, left = tmp_path / f"{SCRATCH}running", tmp_path / f"{SCRATCH}left"
    for folder in (running, left):
        folder.mkdir()
        (folder / "a").touch()
    long_ago = time.time() - 24 * 3600
    os.utime(left, (long_ago, long_ago))
    remove_left(tmp_path)
    assert list(tmp_path.iterdir()) == [running]
