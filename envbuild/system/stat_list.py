"""What the file system says of every entry of an environment, as text: what `verify --quick` compares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def list_stats(environment: Path) -> str:
    """One line `mode size mtime_ns inode path` for everything below the environment, in path order.

    No file is opened. Size and time of a folder are left out, as file systems differ about them;
    names that are no UTF-8 come as surrogate escapes.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    lines = [_line(os.lstat(root), b".", folder=True)]
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                folder = entry.is_dir(follow_symlinks=False)
                if folder:
                    waiting.append(entry.path)
                lines.append(
                    _line(entry.stat(follow_symlinks=False), entry.path[skip:], folder=folder)
                )
    lines.sort(key=_path)
    return "".join(lines)


def differing_paths(recorded: str, found: str) -> tuple[str, ...]:
    """The paths whose lines differ between two such texts, in order; quick where none do."""
    if recorded == found:
        return ()
    one, other = set(recorded.splitlines()), set(found.splitlines())
    return tuple(sorted({_path(line) for line in one ^ other}))


def _line(status: os.stat_result, path: bytes, *, folder: bool) -> str:
    name = path.decode("utf-8", "surrogateescape").replace("\n", "\\n")
    if folder:
        return f"{status.st_mode:o} 0 0 {status.st_ino} {name}\n"
    return f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ino} {name}\n"


def _path(line: str) -> str:
    return line.split(" ", 4)[4].rstrip("\n")
