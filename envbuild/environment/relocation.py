"""Prepare a built environment for its final path, and replace linked files by copies."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from stat import S_ISREG
from typing import TYPE_CHECKING

from envbuild.posix.abilities import FICLONE
from envbuild.posix.tree import walk_folders
from envbuild.wheelcache.record import record_digest

if TYPE_CHECKING:
    from pathlib import Path


def relocate(place: Path, final: Path) -> None:
    """Write the final path into scripts and `pyvenv.cfg`, and the new digests into each RECORD.

    Both paths must have the same length, so that no size changes.
    The caller compares the result with the RECORDs, and with the receipt if there is one.
    """
    old, new = os.fsencode(place), os.fsencode(final)
    if len(old) != len(new):
        raise ValueError(f"{place} and {final} differ in length")
    digests: dict[bytes, bytes] = {}
    for path in (place / "pyvenv.cfg", *sorted((place / "bin").iterdir())):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if old in content:
            changed = content.replace(old, new)
            digests[record_digest(content).encode()] = record_digest(changed).encode()
            _rewrite(path, changed)
    for record in place.glob("lib/python3.*/site-packages/*.dist-info/RECORD"):
        content = record.read_bytes()
        changed = content
        for before, after in digests.items():
            changed = changed.replace(before, after)
        if changed != content:
            _rewrite(record, changed)


def _rewrite(path: Path, content: bytes) -> None:
    """Write the content to a new file: the old one may be linked from a cache."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def unshare_files(folder: Path, *, clone: bool) -> None:
    """Replace every file that has further links by a copy with the same mode and times.

    With `clone` the copies share blocks if the file system supports that.
    """
    for visit in walk_folders([os.fsencode(folder)]):
        for place in visit.places():
            status = os.lstat(place)
            if S_ISREG(status.st_mode) and status.st_nlink > 1:
                _unshare(place, clone=clone)


def _unshare(path: bytes, *, clone: bool) -> None:
    scratch = path + b".envbuild-copy"
    with open(path, "rb") as source, open(scratch, "wb") as target:  # noqa: PTH123
        done = False
        if clone:
            with suppress(OSError):
                fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
                done = True
        if not done:
            shutil.copyfileobj(source, target, 1 << 20)
    shutil.copystat(path, scratch)
    os.replace(scratch, path)  # noqa: PTH105
