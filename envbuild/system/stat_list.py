"""What the file system says of every entry of an environment, as text: what `verify --quick` compares."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def list_stats(environment: Path) -> str:
    """One line `mode size mtime_ns inode path` for everything below the environment, in path order.

    No file is opened. Size and time of a folder are left out, as file systems differ about them;
    names that are no UTF-8 come as surrogate escapes.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    statuses = {".": os.lstat(root)}
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                path = entry.path[skip:].decode("utf-8", "surrogateescape")
                statuses[path] = entry.stat(follow_symlinks=False)
    return render_stats(statuses)


def render_stats(statuses: Mapping[str, os.stat_result]) -> str:
    """The same text, of what was looked at already."""
    return "".join([_line(path, statuses[path]) for path in sorted(statuses)])


def differing_paths(recorded: str, found: str) -> tuple[str, ...]:
    """The paths whose lines differ between two such texts, in order; quick where none do."""
    if recorded == found:
        return ()
    one, other = set(recorded.splitlines()), set(found.splitlines())
    return tuple(sorted({_path(line) for line in one ^ other}))


def _line(path: str, status: os.stat_result) -> str:
    name = path.replace("\n", "\\n")
    if stat.S_ISDIR(status.st_mode):
        return f"{status.st_mode:o} 0 0 {status.st_ino} {name}\n"
    return f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ino} {name}\n"


def _path(line: str) -> str:
    return line.split(" ", 4)[4].rstrip("\n")
