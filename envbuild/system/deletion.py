"""Delete trees, and tell how many bytes of disk that frees: an inode's, where its last link goes."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_BLOCK = 512
"""Bytes that `st_blocks` counts in."""


def delete_tree(path: Path, saw: Callable[[os.stat_result], None] | None = None) -> int:
    """Delete a folder with all below it, whatever its modes; what is gone already is no error.

    Gives the bytes of disk that this freed: a file's count where its last link went.
    `saw` is shown each file just before. The working folder is elsewhere meanwhile.
    """
    if path.is_dir() and not path.is_symlink():
        with _coming_back():
            return _delete_folder(os.fsencode(path.absolute()), saw) * _BLOCK
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


@contextmanager
def _coming_back() -> Iterator[None]:
    """Return to the working folder that there was, or to the root where nobody may open that one."""
    try:
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        here = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _delete_folder(folder: bytes, saw: Callable[[os.stat_result], None] | None) -> int:
    """Delete from within each folder: the kernel then walks no long paths, one for each file.

    Gives the blocks that this freed.
    """
    try:
        os.chdir(folder)
    except FileNotFoundError:
        return 0
    blocks, folders = _delete_files(saw)
    for name in folders:
        blocks += _delete_folder(folder + b"/" + name, saw)
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106
    return blocks


def _delete_files(saw: Callable[[os.stat_result], None] | None) -> tuple[int, list[bytes]]:
    """Delete what is here and no folder; the blocks that this freed, and the names of the folders.

    The number of links is looked at just before each is taken away, so that the last one counts.
    """
    blocks = os.stat(b".").st_blocks  # noqa: PTH116
    folders: list[bytes] = []
    with os.scandir(b".") as entries:
        listed = list(entries)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            if saw is not None:
                saw(status)
            _unlink(entry.name)
        except FileNotFoundError:
            continue
        if status.st_nlink == 1:
            blocks += status.st_blocks
    return blocks, folders


def _unlink(name: bytes) -> None:
    try:
        os.unlink(name)  # noqa: PTH108
    except PermissionError:  # an environment's folders are read-only, but for root
        os.chmod(b".", 0o700)  # noqa: PTH101
        os.unlink(name)  # noqa: PTH108
