"""Delete trees, and tell how many bytes of disk that frees: an inode's, where its last link goes."""

from __future__ import annotations

import os
from contextlib import suppress
from stat import S_ISDIR

from envbuild.system.working_folder import coming_back

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


def delete_tree(
    path: Path, looks: dict[int, int] | None = None, meanwhile: Callable[[], object] | None = None
) -> int:
    """Delete a folder with all below it, whatever its modes; what is gone already is no error.

    Gives the bytes of disk that this freed: a file's count where its last link went.
    `looks` gets, by inode, the ctime (ns) of each file that has further links, as it was just before the first
    of them went here. The working folder is elsewhere meanwhile, and nothing else may run in this process.

    Two processes share a large tree; this one first does what `meanwhile` says, while the other one has begun.
    Where that one is killed, what it saw is not told, nor what the two of them freed;
    and never the bytes of an inode whose last two links both take away at the same moment.
    """
    found: dict[int, int] = {} if looks is None else looks
    if path.is_dir() and not path.is_symlink():
        folder = os.fsencode(path.absolute())
        with coming_back():
            blocks = _delete_shares(_shares(folder), found, meanwhile)
            return (blocks + _delete_folder(folder, found)) * _BLOCK
    try:
        status = path.lstat()
        path.unlink()
    except FileNotFoundError:
        return 0
    return status.st_blocks * _BLOCK if status.st_nlink == 1 else 0


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


def _shares(root: bytes) -> list[list[bytes]]:
    """The folders of the first level that has many, in shares; none where no level has.

    A folder of many folders is taken for a large one, and large ones come first, so that both end together.
    """
    level = [(0, root)]
    while level and len(level) < _FEWEST:
        level = [found for _, folder in level for found in _folders(folder)]
    folders = [folder for _, folder in sorted(level, reverse=True)]
    return [folders[start::_SHARES] for start in range(min(len(folders), _SHARES))]


def _folders(folder: bytes) -> Iterator[tuple[int, bytes]]:
    """How many links each folder in this one has, which tells how many folders it holds, and its path."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_nlink, entry.path


def _delete_shares(
    shares: Sequence[Sequence[bytes]],
    looks: dict[int, int],
    meanwhile: Callable[[], object] | None,
) -> int:
    """Delete folders in two processes, each of which takes the next share when it is done with one.

    Gives the blocks that this freed, 0 where a process was killed; something of its share may then be left.
    """
    if not shares:
        return 0
    from envbuild.system.environments.forks import map_in_processes

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
        while number := os.read(queue, 1):
            blocks += sum(_delete_folder(folder, found) for folder in shares[number[0]])
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


def _delete_folder(folder: bytes, looks: dict[int, int]) -> int:
    """Delete a folder; the blocks that this freed."""
    try:
        blocks = os.lstat(folder).st_blocks
    except FileNotFoundError:
        return 0
    return blocks + _delete_from_within(folder, looks)


def _delete_from_within(folder: bytes, looks: dict[int, int]) -> int:
    """Delete a folder from within it and those below: the kernel then walks no long paths, one for each file.

    Gives the blocks that this freed, its own not among them.
    """
    try:
        os.chdir(folder)
        blocks, folders = _delete_files(looks)
    except FileNotFoundError:
        return 0
    for name in folders:
        blocks += _delete_from_within(folder + b"/" + name, looks)
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106
    return blocks


def _delete_files(looks: dict[int, int]) -> tuple[int, list[bytes]]:
    """Delete what is here and no folder; the blocks that this frees, and the names of the folders, which count.

    The number of links is looked at just before each is taken away, so that the last one counts.
    """
    blocks = 0
    folders: list[bytes] = []
    for name in os.listdir(b"."):  # noqa: PTH208
        try:
            status = os.lstat(name)
            if S_ISDIR(status.st_mode):
                folders.append(name)
                blocks += status.st_blocks
                continue
            _unlink(name)
        except FileNotFoundError:
            continue
        if status.st_nlink == 1:
            blocks += status.st_blocks
        else:
            looks.setdefault(status.st_ino, status.st_ctime_ns)
    return blocks, folders


def _unlink(name: bytes) -> None:
    try:
        os.unlink(name)  # noqa: PTH108
    except PermissionError:  # an environment's folders are read-only, but for root
        os.chmod(b".", 0o700)  # noqa: PTH101
        os.unlink(name)  # noqa: PTH108
