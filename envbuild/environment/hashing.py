"""Compare many files with their sha256 in forked processes: threads gain nothing here."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import signal
import struct
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.shortage import SHORTAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

    from envbuild.environment.receipt import FileEntry

_CHUNKS = 1024
"""The most parts that the files are split into; a pipe holds all their numbers."""

_AT_ONCE = 4 << 20
"""In bytes; longer files are read in pieces."""

_COST = 20_000
"""The time to open a file, as the bytes that could be hashed in it."""

_NUMBER = struct.Struct("<I")
_DIFFERENCE = struct.Struct("<Ii")
"""A file's number, and the errno if it cannot be read, or 0 if it has other content."""

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Opening never blocks, even if the file was replaced by a pipe."""


class Comparison:
    """Forked workers that compare files below a folder with a receipt.

    `with Comparison(root, files, workers) as comparison:` starts them;
    the block can do other work before it calls `changed()`.
    """

    def __init__(self, root: Path, files: Sequence[FileEntry], workers: int) -> None:
        self._root = os.fsencode(root) + b"/"
        self._files = sorted(files, key=lambda file: -file.size)
        self._chunks = _split(self._files)
        self._workers = workers
        self._running: dict[int, BinaryIO] = {}
        """The pipe of each running worker, by pid."""

    def __enter__(self) -> Comparison:
        """Start the workers; each takes the next part until there is none."""
        queue, end = os.pipe()
        os.write(end, b"".join(map(_NUMBER.pack, range(len(self._chunks)))))
        os.close(end)
        gc.freeze()
        try:
            for _ in range(min(self._workers, len(self._chunks))):
                self._fork(queue)
        finally:
            gc.unfreeze()
            os.close(queue)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers that still run."""
        for pid, results in self._running.items():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            results.close()
        self._running.clear()

    def changed(self) -> tuple[tuple[str, str | None], ...]:
        """The paths of files that have other content, with None, or that cannot be read, with the reason.

        Waits for all workers. HostError if one was killed, OSError if the host was short of something:
        the result is then unknown.
        """
        found: list[tuple[str, str | None]] = []
        for pid, results in tuple(self._running.items()):
            with results:
                content = results.read()
            del self._running[pid]  # before waiting: an interrupt would kill it
            _, status = os.waitpid(pid, 0)
            if status != 0:
                raise HostError(Problem(message="a process that compared files was killed"))
            for index, number in _DIFFERENCE.iter_unpack(content):
                path = self._files[index].path
                if number in SHORTAGES:
                    raise OSError(number, os.strerror(number), path)
                found.append((path, os.strerror(number) if number else None))
        return tuple(sorted(found))

    def _fork(self, queue: int) -> None:
        results, end = os.pipe()
        pid = os.fork()
        if pid:
            os.close(end)
            self._running[pid] = os.fdopen(results, "rb")
            return
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._work(queue, end)
            code = 0
        finally:
            os._exit(code)

    def _work(self, queue: int, end: int) -> None:
        gc.disable()
        while number := os.read(queue, _NUMBER.size):
            start, stop = self._chunks[_NUMBER.unpack(number)[0]]
            looks = ((index, _look(self._root, self._files[index])) for index in range(start, stop))
            found = [_DIFFERENCE.pack(index, look) for index, look in looks if look is not None]
            with os.fdopen(end, "wb", closefd=False) as stream:
                stream.write(b"".join(found))


def _split(files: Sequence[FileEntry]) -> list[tuple[int, int]]:
    """Ranges with about the same cost, for files ordered from the largest."""
    share = sum(file.size + _COST for file in files) // _CHUNKS + 1
    chunks = []
    start, cost = 0, 0
    for stop, file in enumerate(files, 1):
        cost += file.size + _COST
        if cost >= share or stop == len(files):
            chunks.append((start, stop))
            start, cost = stop, 0
    return chunks


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
        return _digest(descriptor) == file.sha256
    content = os.read(descriptor, file.size + 1)
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.sha256


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(_AT_ONCE)
    view = memoryview(buffer)
    while length := os.readv(descriptor, [buffer]):
        digest.update(view[:length])
    return digest.hexdigest()
