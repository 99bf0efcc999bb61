"""What a full disk looks like to whoever could not write to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NOTHING = 1 << 20
"""Bytes: with less than this no package can be unpacked any more."""

_FEW_FILES = 64


def is_full(path: Path) -> bool:
    """Whether the path's file system has no room to speak of, in bytes or in inodes."""
    status = os.statvfs(path)
    few = status.f_files > 0 and status.f_favail < _FEW_FILES  # some file systems count none
    return few or status.f_bavail * status.f_frsize < _NOTHING


def room_hint(path: Path, needed: int) -> str | None:
    """What to do where less than `needed` bytes are free on the path's file system; else None."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    if free >= needed and not is_full(path):
        return None
    return (
        f"make room on the disk of {path}: {free >> 20} MiB and {status.f_favail} inodes are free"
    )
