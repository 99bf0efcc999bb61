"""Delete trees, and tell how many bytes of disk that frees: an inode's, where its last link goes.

Every step goes from an open folder to a name in it, and through no link:
who can rename what lies in a tree cannot lead out of it whoever deletes it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from stat import S_ISDIR, S_IWUSR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_BLOCK = 512
"""Bytes that `st_blocks` counts in."""

_PROCESSES = 2
"""That delete a large tree side by side; on two cores a third one gained nothing."""

_FEWEST = 64
"""Folders side by side below which a tree is not worth another process."""

_SHARES = 256
"""A share has its number in one byte."""

_DEEPEST = 100
"""Folders that are open at a time; what lies deeper is moved up first."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def delete_tree(
    path: Path, looks: dict[int, int] | None = None, meanwhile: Callable[[], object] | None = None
) -> int:
    """Delete a folder with all below it, whatever its modes; what is gone already is no error.

    Gives the bytes of disk that this freed: a file's count where its last link went.
    `looks` gets, by inode, the ctime (ns) of each file that has further links, as it was just before the first
    of them went here.

    Two processes share a large tree; this one, which must have no threads,
    first does what `meanwhile` says, while the other one has begun.
    Where that one is killed, what it saw is not told, nor what the two of them freed;
    and never the bytes of an inode whose last two links both take away at the same moment.
    """
    return _delete(path, {} if looks is None else looks, meanwhile, alone=False)


def remove_tree(path: Path) -> None:
    """Delete a folder with all below it, or whatever else stands there, in this thread alone."""
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
            shares = [] if alone else _shares(root)
            blocks = _delete_shares(root, shares, looks, meanwhile) + status.st_blocks
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

    An inode counts once, and only where every one of its links lies in the folders.
    """
    seen: dict[int, int] = {}
    waiting = [os.fsencode(folder) for folder in folders if folder.is_dir()]
    blocks = sum(os.lstat(folder).st_blocks for folder in waiting)
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                links = status.st_nlink
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif links > 1:
                    met = seen[status.st_ino] = seen.get(status.st_ino, 0) + 1
                    if met < links:
                        continue
                blocks += status.st_blocks
    return blocks * _BLOCK


def _shares(root: int) -> list[list[bytes]]:
    """The folders of the first level that has many, in shares, each by its path below the root.

    None where no level has. A folder of many folders is taken for a large one,
    and large ones come first, so that both processes end together.
    """
    level = [(0, b"")]
    while level and len(level) < _FEWEST:
        level = [found for _, folder in level for found in _folders(root, folder)]
    folders = [folder for _, folder in sorted(level, reverse=True)]
    return [folders[start::_SHARES] for start in range(min(len(folders), _SHARES))]


def _folders(root: int, folder: bytes) -> Iterator[tuple[int, bytes]]:
    """How many links each folder in this one has, which tells how many folders it holds, and its path."""
    with suppress(OSError), _opened_below(root, folder) as opened, os.scandir(opened) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                name = os.fsencode(entry.name)
                path = folder + b"/" + name if folder else name
                yield entry.stat(follow_symlinks=False).st_nlink, path


def _delete_shares(
    root: int,
    shares: Sequence[Sequence[bytes]],
    looks: dict[int, int],
    meanwhile: Callable[[], object] | None,
) -> int:
    """Delete folders in two processes, each of which takes the next share when it is done with one.

    Gives the blocks that this freed, 0 where a process was killed; something of its share may then be left.
    """
    if not shares:
        return 0
    from envbuild.posix.forks import map_in_processes

    queue, end = os.pipe()
    os.write(end, bytes(range(len(shares))))
    os.close(end)
    here = os.getpid()

    def delete(_: int) -> tuple[int, dict[int, int]]:
        found, blocks = looks, 0
        if os.getpid() != here:
            found = {}
        elif meanwhile is not None:
            meanwhile()
        deletion = _Deletion(root, found)
        while number := os.read(queue, 1):
            blocks += sum(deletion.below(folder) for folder in shares[number[0]])
        return blocks, found

    try:
        results = map_in_processes(delete, range(_PROCESSES), _PROCESSES)
    except ChildProcessError:
        return 0
    finally:
        os.close(queue)
    for _, found in results:
        looks.update(found)
    return sum(blocks for blocks, _ in results)


class _Deletion:
    """Deletes what lies below a folder that is open."""

    def __init__(self, root: int, looks: dict[int, int]) -> None:
        self._root = root
        self._looks = looks
        self._moved: list[bytes] = []
        """What lay too deep, by its name in the root."""

    def everything(self) -> int:
        """Delete all that the root holds; the blocks that this freed, the root's own not among them."""
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
        """Delete what was moved up, until nothing was."""
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
        """Delete what an open folder holds; the blocks that this freed.

        The number of links is looked at just before each is taken away, so that the last one counts.
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
    """A folder by its path below an open one, step by step and through no link."""
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
    """Open a folder in an open one, in which its owner may delete: an environment's are read-only."""
    try:
        folder = os.open(name, _FOLDER, dir_fd=at)
    except PermissionError:
        _permit(name, at)
        folder = os.open(name, _FOLDER, dir_fd=at)
    if not os.fstat(folder).st_mode & S_IWUSR:
        os.fchmod(folder, 0o700)
    return folder


def _permit(name: bytes, at: int) -> None:
    """Give its owner every right to a folder that he may not even read."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        os.chmod(f"/proc/self/fd/{place}", 0o700)  # noqa: PTH101  (what is open, whatever its name is by now)
    finally:
        os.close(place)
