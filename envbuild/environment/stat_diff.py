"""The entries of an environment that differ from the stat record; quick verbs import this module."""

from __future__ import annotations

import os

from envbuild.environment.stat_record import read_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_KIND = 0o170000
_FOLDER = 0o040000
_FIELDS = 5


def stat_lines(environment: Path | str) -> list[bytes]:
    """`mode size mtime_ns inode path` of everything below an environment, in no order.

    No file is opened. Size and time of a folder are left out, because file systems differ in them.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    top = os.lstat(root)
    lines = [_line(b".", top.st_mode, top.st_ino, 0, 0)]
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = entry.path
                seen = entry.stat(follow_symlinks=False)
                size, mtime_ns = seen.st_size, seen.st_mtime_ns
                if seen.st_mode & _KIND == _FOLDER:
                    waiting.append(path)
                    size = mtime_ns = 0
                lines.append(_line(path[skip:], seen.st_mode, seen.st_ino, size, mtime_ns))
    return lines


def differing_paths(recorded: bytes, environment: Path | str) -> list[str]:
    """The paths for which the record and the environment differ, in order.

    Invalid UTF-8 in names becomes surrogate escapes. ValueError if the record is damaged.
    """
    lines = _recorded_lines(recorded) ^ set(stat_lines(environment))
    return sorted({_path(line).decode("utf-8", "surrogateescape") for line in lines})


def _recorded_lines(record: bytes) -> set[bytes]:
    """The same lines from a record; ValueError if it is damaged."""
    return {
        _line(path, mode, inode, 0, 0) if part.folders else _line(path, mode, inode, *rest)
        for part in read_parts(record)
        for path, (mode, inode, *rest) in part.rows()
    }


def _line(path: bytes, mode: int, inode: int, size: int, mtime_ns: int) -> bytes:
    return b"%o %d %d %d %s" % (mode, size, mtime_ns, inode, path.replace(b"\n", b"\\n"))


def _path(line: bytes) -> bytes:
    return line.split(b" ", _FIELDS - 1)[-1]
