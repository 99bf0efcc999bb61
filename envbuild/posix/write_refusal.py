"""What an operating system's refusal to write the store means."""

from __future__ import annotations

import errno

from envbuild.errors import HostError, Problem
from envbuild.posix.shortage import OPEN_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def unwritable(path: Path | str, error: OSError) -> HostError:
    """The error that says why in words, and what helps."""
    named = error.filename or path
    message = f"cannot write the store: {named}: {error.strerror}"
    return HostError(Problem(message=message, hint=_WRITE_HINTS.get(error.errno or 0)))


_WRITE_HINTS = {
    errno.EACCES: "run as the user who owns the store, or name another with --store",
    errno.ENOSPC: "free disk space (`df`, `df -i`) and run it again",
    errno.EROFS: "the file system is mounted read-only",
    errno.EDQUOT: "the user's disk quota is used up",
    errno.EMFILE: f"raise {OPEN_FILES}",
    errno.ENFILE: "the whole host is out of open files (`sysctl fs.file-nr`)",
}
