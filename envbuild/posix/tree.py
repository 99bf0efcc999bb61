"""List everything below a folder without opening a file."""

from __future__ import annotations

import os
import stat

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


@value
class Tree:
    """Everything below a folder as the file system lists it, by path; no file was opened."""

    files: Mapping[str, tuple[int, int]]
    """Permission bits and size in bytes."""

    links: Mapping[str, str]
    folders: Mapping[str, int]
    others: Collection[str]
    """Devices, pipes and sockets."""

    def kind(self, path: str) -> str | None:
        """The kind of entry at a path, in one word; None if there is none."""
        if path in self.files:
            return "file"
        if path in self.links:
            return "link"
        if path in self.folders:
            return "folder"
        return "special file" if path in self.others else None


def list_tree(root: Path | str) -> Tree:
    """Every file, link and folder below the root, which is `.` itself; links are not followed.

    A folder that cannot be listed, or has just been removed, counts as empty.
    """
    top = os.fsencode(root)
    files: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    folders = {".": stat.S_IMODE(os.lstat(top).st_mode)}
    others: list[str] = []
    waiting = [top]
    while waiting:
        for entry in _entries(waiting.pop()):
            path = entry.path[len(top) + 1 :].decode("utf-8", "surrogateescape")
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                files[path] = (stat.S_IMODE(status.st_mode), status.st_size)
            elif stat.S_ISDIR(status.st_mode):
                folders[path] = stat.S_IMODE(status.st_mode)
                waiting.append(entry.path)
            elif stat.S_ISLNK(status.st_mode):
                links[path] = os.readlink(entry.path).decode("utf-8", "surrogateescape")  # noqa: PTH115
            else:
                others.append(path)
    return Tree(files=files, links=links, folders=folders, others=tuple(others))


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (PermissionError, FileNotFoundError):
        return []
