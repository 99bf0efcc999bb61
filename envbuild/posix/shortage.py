"""The host is out of open files or of memory, which says nothing about the file that was asked for."""

from __future__ import annotations

import errno

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

OPEN_FILES = "the limit of open files (`ulimit -n`, `LimitNOFILE=` of a unit)"


def pass_shortage_on(error: Exception) -> None:
    """Raise it again where the host was short of something, so that nobody takes it for a finding.

    For handlers that make a finding, or nothing, of a file that cannot be read.
    """
    if isinstance(error, OSError) and error.errno in SHORTAGES:
        raise error
