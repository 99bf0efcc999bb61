"""File locks (flock): one holder keeps others out; a killed process loses its locks.

Every user who can open a lock's file can hold the lock, so only its owner can open it (0600).
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from contextlib import contextmanager, suppress

from envbuild.errors import HostError, Problem
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT = 3600.0
"""Seconds after which a wait for a lock ends, unless `--wait-lock` says otherwise."""

SILENCE = 2.0
"""Seconds after which the user is told about a wait."""

_POLL = 0.05
"""The longest pause between two tries, in seconds."""

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_BUSY = (errno.EAGAIN, errno.EACCES)
_MANY_FILES = 1 << 16
_FRACTION = 32
"""Locks of one build may use this fraction of the open files: several builds run, and each opens more."""

_FEWEST = 8


class BusyError(HostError):
    """Another process has held a lock for too long; nothing was done."""


class Patience:
    """How this process waits for locks; the command line sets it."""

    def __init__(self) -> None:
        self.seconds = WAIT
        self.say: Callable[[str], object] = _say


def _say(text: str) -> None:
    sys.stderr.write(text_of([text]))
    sys.stderr.flush()


PATIENCE = Patience()


def most_locks() -> int:
    """How many locks one of several builds may hold at a time; each lock is an open file.

    Raises the limit of open files to what the host allows.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    limit = _MANY_FILES if soft == resource.RLIM_INFINITY else soft
    return max(limit // _FRACTION, _FEWEST)


@contextmanager
def locked(
    path: Path | str, *, timeout: float | None = None, shared: bool = False
) -> Iterator[int]:
    """Hold the lock at path (flock), exclusive unless `shared`; it ends with the process at the latest.

    Waits for other holders: `timeout` seconds, else as long as `PATIENCE` says.
    After a while it tells the user who holds the lock; BusyError names the file and its holders.
    Yields the lock's descriptor: a child that keeps it open holds the lock too, even after this process has ended.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    wait = _Wait(path, PATIENCE.seconds if timeout is None else timeout)
    descriptor = _open_lock(path)
    try:
        wait.take(descriptor, kind)
        while not _is_still_at(descriptor, path):  # a gc removed the file while this one waited
            os.close(descriptor)
            descriptor = _open_lock(path)
            wait.take(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_if_free(path: Path, *, make: bool = False) -> Iterator[bool]:
    """Hold the exclusive lock at path if nobody holds it; yields whether it was free.

    With `make`, a missing file is created, which needs the right to write.
    Without, a missing file counts as a free lock.
    """
    try:
        descriptor = _open_for_owner(path) if make else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _try(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


class _Wait:
    """One wait for a lock, from its first try."""

    def __init__(self, path: Path | str, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._begun = time.monotonic()
        self._delay = 0.001
        self._said = False

    def take(self, descriptor: int, kind: int) -> None:
        """Return when the lock is held; BusyError if that takes too long."""
        while not _try(descriptor, kind):
            waited = time.monotonic() - self._begun
            if waited >= self._seconds:
                raise self._too_long()
            if waited >= SILENCE and not self._said:
                self._said = True
                self._say()
            time.sleep(min(self._delay, max(self._seconds - waited, 0)))
            self._delay = min(2 * self._delay, _POLL)

    def _say(self) -> None:
        """Tell the user who is waited for; a thread that waits for another one is no news."""
        from pathlib import Path

        from envbuild.posix.process_table import holds_lock

        if not holds_lock(Path(self._path)):
            PATIENCE.say(f"waiting for {self._path}, which is held by {self._holders()}")

    def _too_long(self) -> BusyError:
        message = f"another envbuild has held {self._path} for {self._seconds:g} seconds"
        hint = "wait for it, or end it; `--wait-lock SECONDS` says how long to wait"
        detail = f"it is held by {self._holders()}"
        return BusyError(Problem(message=message, detail=detail, hint=hint))

    def _holders(self) -> str:
        from pathlib import Path

        from envbuild.posix.process_table import lock_holders

        found = lock_holders(Path(self._path))
        return ", and by ".join(found) or "a process that cannot be seen from here"


def _open_lock(path: Path | str) -> int:
    try:
        return _open_for_owner(path)
    except OSError as error:
        message = f"cannot take the lock {path}: {error.strerror}"
        hint = "check that this user may write there and that the disk has free space"
        if error.errno == errno.EROFS:
            hint = "the file system is mounted read-only"
        raise HostError(Problem(message=message, hint=hint)) from error


def _open_for_owner(path: Path | str) -> int:
    """Open a lock's file; a new file belongs to the folder's owner, and only he can open it.

    If other users can open a file of this user, as after a restore, they lose that right.
    """
    while True:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, _OPEN)
            status = os.fstat(descriptor)
            if status.st_mode & 0o077 and status.st_uid == os.geteuid() and status.st_nlink == 1:
                os.fchmod(descriptor, 0o600)
            return descriptor
        with suppress(FileExistsError):
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if os.geteuid() == 0:
                    folder = os.path.dirname(path)  # noqa: PTH120
                    os.fchown(descriptor, os.stat(folder).st_uid, -1)  # noqa: PTH116
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor


def _try(descriptor: int, kind: int) -> bool:
    """Take the lock if it is free; whether it was."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


def _is_still_at(descriptor: int, path: Path | str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False
