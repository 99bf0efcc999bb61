"""Files that are whole or absent: atomic writes, syncing, locks."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress

from envbuild.errors import HostError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY = (errno.EAGAIN, errno.EACCES)
_SCRATCH = re.compile(r"\..+\.\d+\.tmp")
_MANY_FILES = 1 << 16
_SHARE = 32
"""The part of all open files that the locks of one build may be: there may be some builds, each with more to open."""

_FEWEST = 8
_POLL = 0.05
"""Seconds between two looks at a lock that another process holds, once it has held it for as long."""


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
    """Put content at path so that a reader, or a crash, meets the old file or the new one, whole.

    With `sync` the content and the folder reach the disk before this returns.
    What a killed writer leaves beside it is for `sweep`.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with os.fdopen(_open_scratch(scratch), "wb") as stream:
        try:
            stream.write(content)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
            scratch.replace(path)  # while the lock is held: whoever sweeps or writes waits for it
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
    if sync:
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; those who write at this moment are left alone."""
    with os.scandir(folder) as entries:
        left = [folder / entry.name for entry in entries if _SCRATCH.fullmatch(entry.name)]
    for path in left:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still_at(descriptor, path):
                    path.unlink()
            finally:
                os.close(descriptor)


def write_if_changed(path: Path, content: bytes, *, mode: int = 0o600, sync: bool = False) -> None:
    """Put content at path, unless it stands there already; private and unsynced, as caches are."""
    try:
        if path.read_bytes() == content:
            return
    except FileNotFoundError:
        pass
    write_atomically(path, content, mode=mode, sync=sync)


def replace_link(link: Path, target: str) -> None:
    """Point a symbolic link elsewhere by one rename; at no moment is it missing.

    The caller sees to it that nobody else points it meanwhile.
    """
    scratch = link.with_name(f".{link.name}.tmp")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(link)
    sync_folder(link.parent)


def keep_others_from_writing() -> None:
    """Let no program that this process starts make anything that other users can write to.

    The umask is the whole process's, so this is for the time before there are threads.
    """
    os.umask(os.umask(0o022) | 0o022)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk (fsync of the folder itself)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> None:
    """Bring everything written to the path's file system to the disk, errors included.

    `syncfs` (Linux) is one call for thousands of files; elsewhere `sync` is the nearest.
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


def most_locks() -> int:
    """How many locks one of several builds may hold at a time, as each is an open file.

    What the host allows this process to open is made use of.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    limit = _MANY_FILES if soft == resource.RLIM_INFINITY else soft
    return max(limit // _SHARE, _FEWEST)


@contextmanager
def locked(path: Path, *, timeout: float | None = None, shared: bool = False) -> Iterator[int]:
    """Hold the lock at path (flock), exclusive unless `shared`; it ends with the process at the latest.

    Waits for other holders, for ever where `timeout` (seconds) is None; then HostError names the file.
    Yields the lock's descriptor: a child that keeps it open holds the lock too, and outlives this process with it.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = _open_lock(path)
    try:
        _take(descriptor, path, kind, timeout)
        while not _is_still_at(descriptor, path):  # a gc removed the file while this one waited
            os.close(descriptor)
            descriptor = _open_lock(path)
            _take(descriptor, path, kind, timeout)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_if_free(path: Path, *, make: bool = False) -> Iterator[bool]:
    """Hold the exclusive lock at path if nobody holds it; whether that was so.

    Needs no right to write unless it is to `make` the file;
    else a file that is not there is held by nobody.
    """
    try:
        flags = os.O_RDWR | os.O_CREAT if make else os.O_RDONLY
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        free = False
    else:
        free = True
    try:
        yield free
    finally:
        os.close(descriptor)


def _open_scratch(scratch: Path) -> int:
    """Open the file and hold its lock, by which `sweep` knows a writer that lives."""
    while True:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_still_at(descriptor, scratch):
            os.ftruncate(descriptor, 0)  # only now is it nobody else's
            return descriptor
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        message = f"cannot take the lock {path}: {error.strerror}"
        hint = "see to it that this user may write there and that the disk has room"
        raise HostError(Problem(message=message, hint=hint)) from error


def _is_still_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _take(descriptor: int, path: Path, kind: int, timeout: float | None) -> None:
    if timeout is None:
        fcntl.flock(descriptor, kind)
        return
    deadline = time.monotonic() + timeout
    delay = 0.001
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY:
                raise
            if time.monotonic() >= deadline:
                raise HostError(
                    Problem(
                        message=f"another envbuild has held {path} for {timeout:g} seconds",
                        hint="wait for it, or end it",
                    )
                ) from None
            time.sleep(delay)
            delay = min(2 * delay, _POLL)
        else:
            return
