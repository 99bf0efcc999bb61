"""Shortages of a host (open files, memory, disk space, the right to write), and the messages for them."""

from __future__ import annotations

import errno
import os

from envbuild.errors import HostError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

OPEN_FILES = "the limit of open files (`ulimit -n`, `LimitNOFILE=` of a unit)"


def pass_shortage_on(error: Exception) -> None:
    """Raise an error again if the host was short of something, so that it does not become a finding.

    For handlers that report an unreadable file as a finding, or ignore it.
    """
    if isinstance(error, OSError) and error.errno in SHORTAGES:
        raise error


def unwritable(path: Path | str, error: OSError) -> HostError:
    """The error with its reason, and a hint for the user."""
    named = error.filename or path
    message = f"cannot write the store: {named}: {error.strerror}"
    return HostError(Problem(message=message, hint=_WRITE_HINTS.get(error.errno or 0)))


def not_written(file: Path | str, error: OSError) -> HostError:
    """The error for a file outside the store."""
    return HostError(Problem(file=str(file), message=f"cannot write it: {error.strerror}"))


_WRITE_HINTS = {
    errno.EACCES: "run as the user who owns the store, or name another with --store",
    errno.ENOSPC: "free disk space (`df`, `df -i`) and run it again",
    errno.EROFS: "the file system is mounted read-only",
    errno.EDQUOT: "the user's disk quota is used up",
    errno.EMFILE: f"raise {OPEN_FILES}",
    errno.ENFILE: "the whole host is out of open files (`sysctl fs.file-nr`)",
}


_NOTHING = 1 << 20
"""In bytes; with less free space no package can be unpacked."""

_FEW_FILES = 64


def is_full(path: Path) -> bool:
    """Whether the path's file system has almost no free bytes or inodes."""
    status = os.statvfs(path)
    few = status.f_files > 0 and status.f_favail < _FEW_FILES  # some file systems do not count them
    return few or status.f_bavail * status.f_frsize < _NOTHING


def disk_space_hint(path: Path, needed: int) -> str | None:
    """A hint if less than `needed` bytes are free on the path's file system, else None."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    if free >= needed and not is_full(path):
        return None
    return f"free space on the disk of {path}: only {free >> 20} MiB and {status.f_favail} inodes are left"
