"""Exchange two paths in one step, so that at no moment either is missing (renameat2, Linux)."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem

if TYPE_CHECKING:
    from pathlib import Path

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange_folders(one: Path, other: Path) -> None:
    """Each stands where the other stood; both must be on one file system.

    HostError where the system or the file system cannot do it.
    """
    modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in (one, other)]
    for path, mode in modes:  # a folder's owner may move it elsewhere only where it is writable
        path.chmod(mode | stat.S_IWUSR)
    try:
        _exchange(one, other)
        modes = [(other, modes[0][1]), (one, modes[1][1])]
    finally:
        for path, mode in modes:
            path.chmod(mode)


def _exchange(one: Path, other: Path) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        raise _unsupported(one)
    first, second = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        raise _unsupported(one)
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _unsupported(path: Path) -> HostError:
    message = f"the file system of {path} cannot exchange two folders in one step"
    hint = "stop what runs out of the environment, remove its receipt, and sync"
    return HostError(Problem(message=message, hint=hint))
