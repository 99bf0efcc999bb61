"""Reads files that a stranger may have placed: only ordinary files, whole, and up to a size."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MOST_DECLARATION = 1 << 20
"""Limits are in bytes; docs/declaration.md lists them."""

MOST_LOCKFILE = 4 << 20
MOST_PINS = 1 << 20
MOST_UNIT = 1 << 20
MOST_OTHER = 16 << 20
"""For files that a user names: requirements, presets, environment descriptions."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class RefusedInputError(Exception):
    """The path leads to something that is not read."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_input(path: Path, *, most: int, within: Path | None = None) -> bytes:
    """The content of an ordinary file of at most `most` bytes.

    With `within`, a link must lead to another file below that folder.
    RefusedInputError says why a file is not read; OSError comes from the host.
    A file is opened only after its type is known, so no device and no FIFO is touched.
    """
    real = os.path.realpath(path)
    if within is not None and not lies_below(real, within):
        raise RefusedInputError(
            "it is a link that leads out of the declaration's folder, and is not followed",
            "put the file itself there, or name its real path with `--file`",
        )
    _refuse_extraordinary(os.lstat(real))
    descriptor = _open(real)
    try:
        status = os.fstat(descriptor)
        _refuse_extraordinary(status)
        content = _read(descriptor, most, status.st_size)
    finally:
        os.close(descriptor)
    if content and not status.st_size:  # /proc: answers of the kernel, not a file
        raise _not_ordinary()
    return content


def lies_below(path: str, folder: Path | str) -> bool:
    """Whether a resolved path is below a folder, whose own links are followed."""
    root = os.path.realpath(folder)
    return os.path.commonpath((root, path)) == root


def read_named(path: Path, *, most: int) -> bytes:
    """The content of a file that the caller named; errors as in `read_input`.

    The working folder may belong to a stranger, so a link inside it must not lead out of it.
    """
    here = os.getcwd()  # noqa: PTH109
    inside = os.path.commonpath((here, os.path.abspath(path))) == here  # noqa: PTH100
    return read_input(path, most=most, within=_as_path(here) if inside and here != "/" else None)


def _as_path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def _open(real: str) -> int:
    try:
        return os.open(real, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # replaced since it was checked
            raise _not_ordinary() from None
        raise


def _refuse_extraordinary(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(status.st_mode):  # it was resolved before
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not stat.S_ISREG(status.st_mode):
        raise _not_ordinary()


def _not_ordinary() -> RefusedInputError:
    return RefusedInputError(
        "it is not an ordinary file, and is not read",
        "devices, pipes, sockets and files of the kernel cannot be named here",
    )


def _read(descriptor: int, most: int, size: int) -> bytes:
    parts: list[bytes] = []
    left = most + 1 if size <= most else 0
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise RefusedInputError(
            f"it is larger than {_size(most)}, the limit", "split it, or shorten it"
        )
    return b"".join(parts)


def _size(count: int) -> str:
    return f"{count >> 20} MiB"


def said_by_kernel(path: Path) -> str:
    """The beginning of a small file of the kernel or the system; empty if it cannot be read.

    At most 64 KiB; a pipe, a device or a folder is not read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        pieces, left = [], 1 << 16
        while left and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
