"""Give an environment files of its own, where others share their inodes."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FICLONE = 0x40049409
"""ioctl_ficlone(2): share blocks that are copied when either file is written."""


def unshare_files(folder: Path, *, clone: bool) -> None:
    """Replace every file that has further links by a copy with the same mode and times.

    With `clone` the copies share blocks where the file system can do that.
    """
    waiting = [os.fsencode(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as scan:
            entries = list(scan)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif (
                entry.is_file(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_nlink > 1
            ):
                _unshare(entry.path, clone=clone)


def _unshare(path: bytes, *, clone: bool) -> None:
    scratch = path + b".envbuild-copy"
    with open(path, "rb") as source, open(scratch, "wb") as target:  # noqa: PTH123
        done = False
        if clone:
            with suppress(OSError):
                fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
                done = True
        if not done:
            shutil.copyfileobj(source, target, 1 << 20)
    shutil.copystat(path, scratch)
    os.replace(scratch, path)  # noqa: PTH105
