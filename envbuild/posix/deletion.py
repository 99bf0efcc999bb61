"""Delete trees, and count the bytes of disk that this frees: an inode is freed with its last link.

Every step opens a name in a folder that is already open, and follows no link:
a user who renames things in a tree cannot redirect the deletion out of it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from stat import S_ISDIR, S_IWUSR

from envbuild.posix.forks import MOST_BATCHES, run_batches
from envbuild.posix.tree import walk_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_BLOCK = 512
"""The unit of `st_blocks`, in bytes."""

_PROCESSES = 2
"""Processes that delete a large tree in parallel; on two cores a third one gained nothing."""

_FEWEST = 64
"""A tree with fewer folders on one level is not worth another process."""

_DEEPEST = 100
"""The most folders that are open at a time; deeper ones are moved up first."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def delete_tree(
    path: Path, looks: dict[int, int] | None = None, meanwhile: Callable[[], object] | None = None
) -> int:
    """Delete a folder and everything below it, regardless of modes; a missing file is not an error.

    Returns the bytes of disk that this freed: a file counts when its last link is deleted.
    `looks` gets, by inode, the ctime (ns) of each file that has further links,
    as it was just before its first link was deleted here.

    Two processes delete a large tree. This one, which must have no threads, first calls `meanwhile`.
    If the other process is killed, neither its entries in `looks` nor any freed bytes are reported.
    An inode whose last two links both processes delete at the same moment is not counted.
    """
    return _delete(path, {} if looks is None else looks, meanwhile, alone=False)


def remove_tree(path: Path) -> None:
    """Delete a folder and everything below it, or a file or link, in this thread alone."""
    _delete(path, {}, None, alone=True)


def _delete(
    path: Path, looks: dict[int, int], meanwhile: Callable[[], object] | None, *, alone: bool
) -> int:
    name = os.fsencode(path.name)
    try:
        above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        status = os.stat(name, dir_fd=above, follow_symlinks=False)
        if not S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=above)
            return status.st_blocks * _BLOCK if status.st_nlink == 1 else 0
        root = _open_folder(name, above)
        try:
            batches = [] if alone else _batches(root)
            blocks = _delete_batches(root, batches, looks, meanwhile) + status.st_blocks
            blocks += _Deletion(root, looks).everything()
        finally:
            os.close(root)
        with suppress(OSError):
            os.rmdir(name, dir_fd=above)
    except FileNotFoundError:
        return 0
    finally:
        os.close(above)
    return blocks * _BLOCK


def count_bytes(folders: Iterable[Path]) -> int:
    """The bytes of disk that deleting these folders frees.

    An inode counts once, and only if all its links are in the folders.
    """
    seen: dict[int, int] = {}
    blocks = 0
    roots = [os.fsencode(folder) for folder in folders if folder.is_dir()]
    for visit in walk_folders(roots):
        blocks += visit.status.st_blocks
        for status in map(os.lstat, visit.places()):
            if status.st_nlink > 1:
                met = seen[status.st_ino] = seen.get(status.st_ino, 0) + 1
                if met < status.st_nlink:
                    continue
            blocks += status.st_blocks
    return blocks * _BLOCK


def _batches(root: int) -> list[list[bytes]]:
    """The folders of the first level that has many, in batches; paths are relative to the root.

    Empty if no level has many. Folders with many subfolders come first, so that both processes end together.
    """
    level = [(0, b"")]
    while level and len(level) < _FEWEST:
        level = [found for _, folder in level for found in _folders(root, folder)]
    folders = [folder for _, folder in sorted(level, reverse=True)]
    return [folders[start::MOST_BATCHES] for start in range(min(len(folders), MOST_BATCHES))]


def _folders(root: int, folder: bytes) -> Iterator[tuple[int, bytes]]:
    """Each subfolder's number of links, which grows with the number of its own subfolders, and its path."""
    with suppress(OSError), _opened_below(root, folder) as opened, os.scandir(opened) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                name = os.fsencode(entry.name)
                path = folder + b"/" + name if folder else name
                yield entry.stat(follow_symlinks=False).st_nlink, path


def _delete_batches(
    root: int,
    batches: Sequence[Sequence[bytes]],
    looks: dict[int, int],
    meanwhile: Callable[[], object] | None,
) -> int:
    """Delete folders in two processes; each takes the next batch when it has finished one.

    Returns the blocks that this freed. If a process was killed, returns 0 and a part of its batch may be left.
    """
    if not batches:
        return 0
    here = os.getpid()

    def delete(numbers: Iterator[int]) -> tuple[int, dict[int, int]]:
        found = looks if os.getpid() == here else {}
        deletion = _Deletion(root, found)
        folders = (folder for number in numbers for folder in batches[number])
        return sum(map(deletion.below, folders)), found

    try:
        results = run_batches(delete, len(batches), _PROCESSES, meanwhile)
    except ChildProcessError:
        return 0
    for _, found in results:
        looks.update(found)
    return sum(blocks for blocks, _ in results)


class _Deletion:
    """Deletes everything below an open folder."""

    def __init__(self, root: int, looks: dict[int, int]) -> None:
        self._root = root
        self._looks = looks
        self._moved: list[bytes] = []
        """Folders that were too deep, by their new names in the root."""

    def everything(self) -> int:
        """Delete everything in the root; the blocks that this freed, without the root's own."""
        return self._inside(self._root, 0) + self._rest()

    def below(self, path: bytes) -> int:
        """Delete a folder by its path below the root; the blocks that this freed."""
        above, _, name = path.rpartition(b"/")
        try:
            with _opened_below(self._root, above) as opened:
                return self._folder(name, opened, 0) + self._rest()
        except FileNotFoundError:
            return 0

    def _rest(self) -> int:
        """Delete the folders that were moved up, until there are none."""
        blocks = 0
        while self._moved:
            blocks += self._folder(self._moved.pop(), self._root, 0)
        return blocks

    def _folder(self, name: bytes, at: int, depth: int) -> int:
        """Delete a folder in an open one."""
        if depth > _DEEPEST:
            self._move_up(name, at)
            return 0
        try:
            folder = _open_folder(name, at)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        try:
            blocks = os.fstat(folder).st_blocks + self._inside(folder, depth + 1)
        finally:
            os.close(folder)
        with suppress(OSError):
            os.rmdir(name, dir_fd=at)
        return blocks

    def _move_up(self, name: bytes, at: int) -> None:
        moved = b".deep-%d-%s" % (os.getpid(), os.urandom(8).hex().encode())
        with suppress(FileNotFoundError):
            os.rename(name, moved, src_dir_fd=at, dst_dir_fd=self._root)
            self._moved.append(moved)

    def _inside(self, folder: int, depth: int) -> int:
        """Delete everything in an open folder; the blocks that this freed.

        The number of links is read just before each deletion, so that the last link counts.
        """
        blocks = 0
        for text in os.listdir(folder):
            name = os.fsencode(text)
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if S_ISDIR(status.st_mode):
                    blocks += self._folder(name, folder, depth)
                    continue
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                continue
            if status.st_nlink == 1:
                blocks += status.st_blocks
            else:
                self._looks.setdefault(status.st_ino, status.st_ctime_ns)
        return blocks


@contextmanager
def _opened_below(root: int, path: bytes) -> Iterator[int]:
    """Open a folder below an open one, one name at a time; follows no link."""
    folder = os.dup(root)
    try:
        for name in filter(None, path.split(b"/")):
            inner = _open_folder(name, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_folder(name: bytes, at: int) -> int:
    """Open a folder in an open one, and make it writable: an environment's folders are read-only."""
    try:
        folder = os.open(name, _FOLDER, dir_fd=at)
    except PermissionError:
        _permit(name, at)
        folder = os.open(name, _FOLDER, dir_fd=at)
    if not os.fstat(folder).st_mode & S_IWUSR:
        os.fchmod(folder, 0o700)
    return folder


def _permit(name: bytes, at: int) -> None:
    """Give the owner every right to a folder that he cannot read."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        os.chmod(f"/proc/self/fd/{place}", 0o700)  # noqa: PTH101  (the open folder, even if it was renamed)
    finally:
        os.close(place)
