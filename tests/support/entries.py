"""Entries of a cache as a build makes them, and what is read of them later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.wheelcache.entries import Entries, read_digest

if TYPE_CHECKING:
    from pathlib import Path


def counted_entries(root: Path, read: list[bytes]) -> Entries:
    """Entries that note the name of each file that they read to believe it."""

    def digest(folder: int, name: bytes) -> str:
        read.append(name)
        return read_digest(folder, name)

    return Entries(root, digest=digest)


def date_back(entry: Path) -> None:
    """Let an entry be one that was made before the host was started last."""
    stamp = entry / "stamp"
    times = stamp.stat()
    digest, _ = stamp.read_text(encoding="ascii").split()
    stamp.write_text(f"{digest} another-boot\n", encoding="ascii")
    os.utime(stamp, ns=(times.st_atime_ns, times.st_mtime_ns))
