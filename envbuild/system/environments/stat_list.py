"""What the file system says of every entry of an environment, as text: what `verify --quick` compares."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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
    """One line `mode size mtime_ns inode path` for everything below the environment, in path order.

    No file is opened. Size and time of a folder are left out, as file systems differ about them;
    names that are no UTF-8 come as surrogate escapes.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    looks = {".": look(os.lstat(root))}
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                path = entry.path[skip:].decode("utf-8", "surrogateescape")
                looks[path] = look(entry.stat(follow_symlinks=False))
    return render_stats(looks)


def render_stats(looks: Mapping[str, Look]) -> str:
    """The same text, of what was looked at already."""
    return "".join([_line(path, looks[path]) for path in sorted(looks)])


def differing_paths(recorded: str, found: str) -> tuple[str, ...]:
    """The paths whose lines differ between two such texts, in order; quick where none do."""
    if recorded == found:
        return ()
    one, other = set(recorded.splitlines()), set(found.splitlines())
    return tuple(sorted({_path(line) for line in one ^ other}))


def _line(path: str, seen: Look) -> str:
    name = path.replace("\n", "\\n")
    if stat.S_ISDIR(seen.mode):
        return f"{seen.mode:o} 0 0 {seen.inode} {name}\n"
    return f"{seen.mode:o} {seen.size} {seen.mtime_ns} {seen.inode} {name}\n"


def _path(line: str) -> str:
    return line.split(" ", 4)[4].rstrip("\n")
