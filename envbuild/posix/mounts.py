"""What the kernel says about the file system of a file."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_KEEPS_INODES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs", "zfs"})
_BEFORE_TYPE = " - "
_MOUNT = "mnt_id:"


def links_keep_inodes(descriptor: int) -> bool:
    """Whether a new link to a file of this open folder surely has the file's inode number.

    Overlayfs copies a file of a lower layer up before it links it, and the copy has another number.
    """
    return _type_of(descriptor) in _KEEPS_INODES


def file_system(path: Path) -> str:
    """The type of a path's file system, such as `ext4`; empty if the kernel does not tell it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _type_of(descriptor)
    finally:
        os.close(descriptor)


_known: dict[int, str] = {}
"""Types by device."""


def _type_of(descriptor: int) -> str:
    """The type of an open file's file system; empty if the kernel does not tell it."""
    device = os.fstat(descriptor).st_dev
    if device not in _known:
        _known[device] = _read_type(descriptor)
    return _known[device]


def _read_type(descriptor: int) -> str:
    """From the file's mount: files of btrfs have a device that no mount has."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:  # noqa: PTH123
            mount = next(line.split()[1] for line in lines if line.startswith(_MOUNT))
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                if line.partition(" ")[0] == mount:
                    return line.rpartition(_BEFORE_TYPE)[2].partition(" ")[0]
    except (OSError, IndexError, StopIteration):
        pass
    return ""
