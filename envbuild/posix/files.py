"""Atomic writes, links that are replaced in one step, private folders, and syncing to disk."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager, suppress

from envbuild.errors import HostError, Problem

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FOLDER = 0o775
"""The mode of a folder among the user's own files; his umask may remove rights from it, nothing adds any."""

PRIVATE = 0o700
"""The mode of a folder that only its owner can enter."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(
    path: Path, content: bytes, *, mode: int = 0o644, keep_mode: bool = False, sync: bool = True
) -> None:
    """Write a file so that a reader, or a crash, sees either the old content or the new one, complete.

    The content goes to a new file with a random name in the folder, which is opened once:
    links that somebody places there are not followed.
    With `keep_mode` the new file has the mode of the one it replaces.
    With `sync` the content and the folder reach the disk before this returns.
    `sweep` removes what a killed writer leaves behind.
    """
    with _opened(path.parent) as folder:
        if keep_mode:
            mode = _kept_mode(path.name, folder, mode)
        descriptor, scratch = _make_scratch(path.name, folder)
        with os.fdopen(descriptor, "wb") as stream:
            try:
                stream.write(content)
                os.fchmod(stream.fileno(), mode)
                stream.flush()
                if sync:
                    os.fsync(stream.fileno())
                # while the lock is held: `sweep` spares the file
                os.replace(scratch, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(scratch, dir_fd=folder)
                raise
        if sync:
            os.fsync(folder)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; files of running writers stay."""
    import re  # which takes longer to import than `rollback` takes

    scratch = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
    with _opened(folder) as opened:
        for name in filter(scratch.fullmatch, os.listdir(opened)):  # noqa: PTH208
            with suppress(OSError):
                descriptor = os.open(name, _READ, dir_fd=opened)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if _is_called(name, descriptor, opened):
                        os.unlink(name, dir_fd=opened)
                finally:
                    os.close(descriptor)


def write_if_changed(
    path: Path, content: bytes, *, mode: int = 0o600, keep_mode: bool = False, sync: bool = False
) -> None:
    """Write a file unless it has this content already; private and not synced, as caches are."""
    if _read_regular(path) != content:
        write_atomically(path, content, mode=mode, keep_mode=keep_mode, sync=sync)


def write_private(path: Path, content: bytes) -> None:
    """Write a cache or a log: only its owner can read it or enter its folder, and it is not synced."""
    make_private(path.parent)
    write_atomically(path, content, mode=0o600, sync=False)


def replace_link(link: Path | str, target: str) -> None:
    """Replace a symbolic link by one rename, so that it is never missing.

    The caller must hold a lock that keeps other writers away.
    """
    parent, name = os.path.split(link)
    scratch = f".{name}.tmp"
    with _opened(parent) as folder:
        with suppress(FileNotFoundError):
            os.unlink(scratch, dir_fd=folder)
        os.symlink(target, scratch, dir_fd=folder)
        os.replace(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def make_folders(folder: Path, mode: int = FOLDER) -> None:
    """Make a folder and its missing parents, with at most the rights of `mode`."""
    if not folder.is_dir():
        make_folders(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter; an existing folder of this user is closed to others."""
    make_folders(folder, PRIVATE)
    descriptor = os.open(folder, _FOLDER | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(descriptor, PRIVATE)
    finally:
        os.close(descriptor)


def keep_others_from_writing() -> None:
    """Set the umask so that programs started from here make nothing that other users can write to.

    The umask belongs to the whole process, so call this before any thread starts.
    """
    os.umask(os.umask(0o022) | 0o022)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk (fsync of the folder)."""
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


def sync_file_system(path: Path) -> None:
    """Write everything on the path's file system to the disk; OSError if a write failed.

    `syncfs` (Linux) is one call for thousands of files; other systems have `sync`.
    """
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


@contextmanager
def _opened(folder: Path | str) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make_scratch(name: str, folder: int) -> tuple[int, str]:
    """A new file beside the named one; its lock is held, which tells `sweep` that the writer runs."""
    while True:
        scratch = f".{name}.{os.urandom(8).hex()}.tmp"
        descriptor = os.open(scratch, _MAKE, 0o600, dir_fd=folder)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_called(scratch, descriptor, folder):
            return descriptor, scratch
        os.close(descriptor)


def _kept_mode(name: str, folder: int, mode: int) -> int:
    """The mode of the existing file, whose owner may have closed it to others on purpose.

    A program stays executable. From another user's file only rights that `mode` has too are taken.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return mode
    if not stat.S_ISREG(status.st_mode):
        return mode
    kept = status.st_mode & 0o777 | mode & stat.S_IXUSR
    return kept if status.st_uid == os.geteuid() else kept & mode


def _read_regular(path: Path) -> bytes | None:
    """The content of a file; None if it is missing or not a file."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _is_called(name: str, descriptor: int, folder: int) -> bool:
    """Whether an open file still has that name in a folder."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), status)


_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange_folders(one: Path, other: Path) -> None:
    """Exchange two folders in one step; both must be on one file system.

    HostError if the system or the file system cannot do it.
    """
    modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in (one, other)]
    for path, mode in modes:  # only a writable folder can be moved by its owner
        path.chmod(mode | stat.S_IWUSR)
    try:
        _exchange(one, other)
        modes = [(other, modes[0][1]), (one, modes[1][1])]
    finally:
        for path, mode in modes:
            path.chmod(mode)


def _exchange(one: Path, other: Path) -> None:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        raise _unsupported(one)
    first, second = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        raise _unsupported(one)
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def replace_content(folder: Path, new: Path) -> None:
    """Give a folder the content and modes of another one, name by name; the other one is used up.

    What both have is replaced by a rename, so it is never missing.
    Both must be on one file system. Links are not followed.
    """
    from envbuild.posix.deletion import remove_tree

    mode = stat.S_IMODE(new.stat().st_mode)
    for path in (folder, new):
        path.chmod(mode | stat.S_IRWXU)
    names = set()
    for source in new.iterdir():
        target = folder / source.name
        names.add(source.name)
        if _is_folder(source) and _is_folder(target):
            replace_content(target, source)
            continue
        if _is_folder(source) or _is_folder(target):
            remove_tree(target)
        if _is_folder(source):
            _move_folder(source, target)
        else:
            source.replace(target)
    for target in folder.iterdir():
        if target.name not in names:
            remove_tree(target)
    folder.chmod(mode)


def _move_folder(source: Path, target: Path) -> None:
    """Only a writable folder can be moved by its owner."""
    mode = stat.S_IMODE(source.stat().st_mode)
    source.chmod(mode | stat.S_IWUSR)
    source.rename(target)
    target.chmod(mode)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _unsupported(path: Path) -> HostError:
    message = f"the file system of {path} cannot exchange two folders in one step"
    hint = "stop the processes of the environment, remove its receipt, and sync"
    return HostError(Problem(message=message, hint=hint))
