"""What the file system of a folder can do, found by trying it there."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable

FICLONE = 0x40049409
"""ioctl_ficlone(2): share blocks until one of the files is written."""

SCRATCH = ".envbuild-probe-"
"""What the names of probed folders begin with."""

_LONGEST = 3600
"""Seconds that no probe takes."""

_OFD_SETLK = 37
_TIME = 1_600_000_000_123_456_789
"""In nanoseconds; some file systems keep only the seconds."""

_UNABLE = (
    *(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY),
    *(errno.EXDEV, errno.EMLINK, errno.ENOLCK, errno.EBADF),
)
"""What a file system answers that cannot do something."""


@value
class Abilities:
    """What a file system can do."""

    symbolic_links: bool
    modes: bool
    """Whether it keeps the permissions of files."""

    programs: bool
    """Whether programs start from it; not if it is mounted `noexec`."""

    locks: bool
    """Whether files can be locked (flock)."""

    leases: bool
    """Whether open files can be locked for reading (fcntl, `F_OFD_SETLK`)."""

    hard_links: bool
    clones: bool
    """Whether two files can share blocks until one of them is written."""

    case: bool
    """Whether names may differ only in capital letters."""

    fine_times: bool
    """Whether it keeps fractions of seconds."""


def probe_folder(folder: Path) -> Abilities:
    """Try everything in a new folder there, which is removed again. OSError if nothing can be written."""
    place = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder))
    try:
        file = place / "a"
        file.write_bytes(b"x")
        return Abilities(
            symbolic_links=_can(lambda: (place / "s").symlink_to("a")),
            modes=_can(lambda: file.chmod(0o444)) and file.stat().st_mode & 0o777 == 0o444,
            programs=not os.statvfs(place).f_flag & os.ST_NOEXEC,
            locks=_can(lambda: _lock(place / "l")),
            leases=_can(lambda: _lease(place / "l")),
            hard_links=_can(lambda: (place / "h").hardlink_to(file)),
            clones=_can(lambda: _clone(file, place / "c")),
            case=not (place / "A").exists(),
            fine_times=_can(lambda: os.utime(file, ns=(_TIME, _TIME)))
            and file.stat().st_mtime_ns == _TIME,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _can(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        return False
    return True


def _lock(path: Path) -> None:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lease(path: Path) -> None:
    path.touch()
    with path.open("rb") as file:
        fcntl.fcntl(file, _OFD_SETLK, bytes(32))


def _clone(source: Path, target: Path) -> None:
    with source.open("rb") as one, target.open("wb") as other:
        fcntl.ioctl(other.fileno(), FICLONE, one.fileno())


def remove_left(folder: Path) -> None:
    """Remove what a killed probe has left; younger folders may be those of commands that run at the same time."""
    for path in folder.glob(f"{SCRATCH}*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _LONGEST:
                shutil.rmtree(path)
