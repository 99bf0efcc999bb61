"""Compare many files with their sha256 in forked processes: threads gain nothing here."""

from __future__ import annotations

import errno
import hashlib
import os
from itertools import chain
from typing import TYPE_CHECKING

from envbuild.digest import stream_sha256
from envbuild.posix.forks import MOST_BATCHES, run_batches
from envbuild.posix.shortage import SHORTAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from envbuild.environment.content_digest import FileEntry

_AT_ONCE = 4 << 20
"""In bytes; longer files are read in pieces."""

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Opening never blocks, even if the file was replaced by a pipe."""


def changed_files(
    root: Path, files: Sequence[FileEntry], workers: int, meanwhile: Callable[[], object]
) -> tuple[tuple[str, str | None], ...]:
    """The paths of files below a folder that are not as recorded, in order.

    Each has None if its content differs, or the reason why it cannot be read.
    This process first calls `meanwhile`.
    ChildProcessError as in `run_batches`, OSError if the host was short of something.
    """
    base = os.fsencode(root) + b"/"
    ordered = sorted(files, key=lambda file: -file.size)
    batches = min(len(ordered), MOST_BATCHES)

    def look(numbers: Iterator[int]) -> list[tuple[str, int]]:
        looked_at = (file for number in numbers for file in ordered[number::batches])
        looks = ((file.path, _look(base, file)) for file in looked_at)
        return [(path, reason) for path, reason in looks if reason is not None]

    found: list[tuple[str, str | None]] = []
    looks = run_batches(look, batches, workers, meanwhile)
    for path, number in sorted(chain.from_iterable(looks)):
        if number in SHORTAGES:
            raise OSError(number, os.strerror(number), path)
        found.append((path, os.strerror(number) if number else None))
    return tuple(found)


def _look(root: bytes, file: FileEntry) -> int | None:
    """None if it has the recorded content, 0 if it has other content, else an errno."""
    path = root + file.path.encode("utf-8", "surrogateescape")
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        return None if _is_unchanged(descriptor, file) else 0
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(descriptor)


def _is_unchanged(descriptor: int, file: FileEntry) -> bool:
    if file.size > _AT_ONCE:
        with open(descriptor, "rb", buffering=0, closefd=False) as stream:
            return stream_sha256(stream) == file.sha256
    content = os.read(descriptor, file.size + 1)
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.sha256
