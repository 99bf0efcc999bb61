"""What the file system says of every entry of an environment, a line each; imported where milliseconds count."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_KIND = 0o170000
_FOLDER = 0o040000


def stat_lines(environment: Path | str) -> list[bytes]:
    """`mode size mtime_ns inode path` of everything below the environment, in no order.

    No file is opened. Size and time of a folder are left out, as file systems differ about them.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    top = os.lstat(root)
    lines = [b"%o 0 0 %d ." % (top.st_mode, top.st_ino)]
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = entry.path
                seen = entry.stat(follow_symlinks=False)
                name = path[skip:].replace(b"\n", b"\\n")
                if seen.st_mode & _KIND == _FOLDER:
                    waiting.append(path)
                    lines.append(b"%o 0 0 %d %s" % (seen.st_mode, seen.st_ino, name))
                else:
                    fields = (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ino, name)
                    lines.append(b"%o %d %d %d %s" % fields)
    return lines


def differing_paths(recorded: bytes, environment: Path | str) -> list[str]:
    """The paths of which either the record or the environment says something else, in order.

    Names that are no UTF-8 come as surrogate escapes.
    """
    lines = {line for line in recorded.split(b"\n") if line} ^ set(stat_lines(environment))
    return sorted({stat_path(line).decode("utf-8", "surrogateescape") for line in lines})


def stat_path(line: bytes) -> bytes:
    """The path of such a line."""
    return line.split(b" ", 4)[4]
