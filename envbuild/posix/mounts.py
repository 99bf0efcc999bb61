"""What the kernel says about the file system of a file."""

from __future__ import annotations

import os
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_KEEPS_INODES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs", "zfs"})
_BEFORE_TYPE = " - "


def links_keep_inodes(descriptor: int) -> bool:
    """Whether a new link to a file of this open folder surely has the file's inode number.

    Overlayfs copies a file of a lower layer up before it links it, and the copy has another number.
    """
    return _type_of(os.fstat(descriptor).st_dev) in _KEEPS_INODES


def file_system(path: Path) -> str:
    """The type of a path's file system, such as `ext4`; empty if the kernel does not tell it."""
    return _type_of(path.stat().st_dev)


@cache
def _type_of(device: int) -> str:
    """The type of a device's file system; empty if the kernel does not tell it."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                if line.split(" ", 3)[2] == wanted:
                    return line.rpartition(_BEFORE_TYPE)[2].partition(" ")[0]
    except (OSError, IndexError):
        pass
    return ""
