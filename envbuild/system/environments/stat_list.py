"""What the file system says of every entry of an environment, as text: what `verify --quick` compares."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

from envbuild.system.environments.stat_lines import stat_lines, stat_path

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path


class Look(NamedTuple):
    """How a file, link or folder looks: the part of its status that anybody compares."""

    mode: int
    size: int
    mtime_ns: int
    device: int
    inode: int


def look(status: os.stat_result) -> Look:
    """A third of a status's memory, which counts where there are 50,000."""
    return Look(status.st_mode, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


def list_stats(environment: Path) -> str:
    """The lines of everything below the environment, in path order."""
    lines = sorted(stat_lines(environment), key=stat_path)
    return b"".join([line + b"\n" for line in lines]).decode("utf-8", "surrogateescape")


def render_stats(looks: Mapping[str, Look]) -> str:
    """The same text, of what was looked at already."""
    return "".join([_line(path, looks[path]) for path in sorted(looks)])


def _line(path: str, seen: Look) -> str:
    name = path.replace("\n", "\\n")
    if stat.S_ISDIR(seen.mode):
        return f"{seen.mode:o} 0 0 {seen.inode} {name}\n"
    return f"{seen.mode:o} {seen.size} {seen.mtime_ns} {seen.inode} {name}\n"
