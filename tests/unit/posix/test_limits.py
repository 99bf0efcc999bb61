"""When a program has used more than it may."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.limits import Limits, Watch, usual_memory

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(seconds=1, memory=1 << 40, disk=1 << 20)


def test_a_program_within_its_limits_goes_on(tmp_path: Path) -> None:
    """Nothing is said of it."""
    watch = Watch(folder=tmp_path, limits=LIMITS, others=(tmp_path,), spare=0)
    assert watch.look(os.getpid()) is None
    assert 0 < usual_memory() < 1 << 50


@pytest.mark.parametrize("others", [True, False])
def test_a_full_disk_is_noticed_wherever_it_writes(tmp_path: Path, others: bool) -> None:
    """Its own folder's, and that of the other places."""
    places = (tmp_path,) if others else ()
    watch = Watch(folder=tmp_path, limits=LIMITS, others=places, spare=1 << 62)
    assert watch.look(os.getpid()) == "the disk is full"


def test_what_it_uses_is_counted(tmp_path: Path) -> None:
    """Its files, its memory and its processes."""
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    assert Watch(folder=tmp_path, limits=LIMITS, spare=0).look(os.getpid()) == (
        "it used more than 1 MiB of disk space"
    )
    (tmp_path / "large").unlink()
    small = Limits(seconds=1, memory=1 << 20, disk=1 << 20)
    assert Watch(folder=tmp_path, limits=small, spare=0).look(os.getpid()) == (
        "it used more than 1 MiB of memory"
    )
    none = Limits(seconds=1, memory=1 << 40, disk=1 << 20, processes=0)
    assert Watch(folder=tmp_path, limits=none, spare=0).look(os.getpid()) == (
        "it started more than 0 processes"
    )
