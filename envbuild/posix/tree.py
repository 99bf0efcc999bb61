"""Walk through trees of folders, and tell for each whether its times will show later changes."""

from __future__ import annotations

import os
import stat
import sys
import time

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping
    from pathlib import Path

_CLOCK = 5 if sys.platform == "linux" else time.CLOCK_REALTIME
"""CLOCK_REALTIME_COARSE: Linux takes ctime and mtime from this clock, which moves in steps of milliseconds."""

_SECOND = 1_000_000_000


@value
class Visit:
    """A folder that was just listed."""

    folder: bytes
    names: list[bytes]
    """The names in it, without subfolders."""

    regular: bool
    """Whether all of them are files, as the listing says."""

    status: os.stat_result
    """The folder's status after it was listed."""

    settled: bool
    """Whether every later addition, removal or rename in it changes its mtime or its ctime.

    False if it was changed in the same tick of the clock in which it was listed,
    and on file systems whose times are whole seconds.
    """

    def places(self) -> list[bytes]:
        """The path of each name."""
        return [self.folder + b"/" + name for name in self.names]


def walk_folders(
    roots: Iterable[bytes],
    *,
    mode: int | None = None,
    keep: Container[bytes] = (),
    spare: Container[bytes] = (),
    lenient: bool = False,
) -> Iterator[Visit]:
    """Every folder from the roots down; links are not followed. With a `mode`, each folder gets it first.

    Folders in `keep` keep their mode; folders in `spare` are left out.
    The next root is taken when everything below the previous one is done.
    A folder that was changed a moment ago comes last, when its times have settled.
    If `lenient`, a folder that cannot be listed counts as empty, and one that has just been removed is left out.
    """
    more = iter(roots)
    waiting: list[bytes] = []
    unsettled: list[bytes] = []
    while True:
        if not waiting and (root := next(more, None)) is not None:
            waiting.append(root)
        last = not waiting
        if last and not unsettled:
            return
        folder = unsettled.pop() if last else waiting.pop()
        if mode is not None and folder not in keep:
            os.chmod(folder, mode)  # noqa: PTH101
        found = _listed(folder, lenient=lenient)
        if found is None:
            continue
        entries, status, settled = found
        if not settled and not last:
            unsettled.append(folder)
            continue
        others: list[os.DirEntry[bytes]] = []
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                others.append(entry)
            elif entry.path not in spare:
                waiting.append(entry.path)
        yield Visit(
            folder=folder,
            names=[entry.name for entry in others],
            regular=False not in [entry.is_file(follow_symlinks=False) for entry in others],
            status=status,
            settled=settled,
        )


def list_folders(mode: int, roots: Iterable[bytes]) -> list[Visit]:
    """Every folder from the roots down, after it got the mode."""
    return list(walk_folders(roots, mode=mode))


def _listed(
    folder: bytes, *, lenient: bool
) -> tuple[list[os.DirEntry[bytes]], os.stat_result, bool] | None:
    """A folder's entries, its status, and whether it is settled; None if it was removed, for a lenient caller."""
    now = time.clock_gettime_ns(_CLOCK)
    entries: list[os.DirEntry[bytes]] = []
    try:
        try:
            with os.scandir(folder) as scan:
                entries = list(scan)
        except PermissionError:
            if not lenient:
                raise
        status = os.lstat(folder)
    except FileNotFoundError:
        if not lenient:
            raise
        return None
    changed = status.st_mtime_ns
    return entries, status, changed < now and changed % _SECOND != 0


def path_text(path: bytes) -> str:
    """A path as receipts and RECORDs spell it, independent of the user's locale."""
    return path.decode("utf-8", "surrogateescape")


def folders_in(folder: bytes) -> list[bytes]:
    """The subfolders of a folder."""
    with os.scandir(folder) as scan:
        return [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]


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
    skip = len(top) + 1
    files: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    folders = {".": stat.S_IMODE(os.lstat(top).st_mode)}
    others: list[str] = []
    for visit in walk_folders([top], lenient=True):
        folders[path_text(visit.folder[skip:]) or "."] = stat.S_IMODE(visit.status.st_mode)
        for place in visit.places():
            path, status = path_text(place[skip:]), os.lstat(place)
            if stat.S_ISREG(status.st_mode):
                files[path] = (stat.S_IMODE(status.st_mode), status.st_size)
            elif stat.S_ISLNK(status.st_mode):
                links[path] = path_text(os.readlink(place))  # noqa: PTH115
            else:
                others.append(path)
    return Tree(files=files, links=links, folders=folders, others=tuple(others))
