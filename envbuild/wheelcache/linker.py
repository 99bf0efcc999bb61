"""Work on an environment in two processes: the kernel and Python both take their time for each file.

Kept wheels are linked by both, and when all is there, its folders are listed by both.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, Problem
from envbuild.posix.folder_walk import Visit, folders_in, walk_folders
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.posix.workers import Workers
from envbuild.value import tuples_of
from envbuild.wheelcache.share import (
    MOST,
    from_plain,
    link_share,
    queue_of,
    receive,
    send,
    taken_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from envbuild.posix.process import Completed, Runner
    from envbuild.wheelcache.share import Share
    from envbuild.wheelcache.wheels import LinkedWheel

_WORTH = 240_000
"""The weight from which on another process gains more than its start takes: some thousand files."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from envbuild.wheelcache.link_program import main; main(*map(int, sys.argv[2:]))"
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])


class LinkingDiedError(HostError):
    """The other process was ended before it had said what it did."""


class Linker:
    """Links for every build of a sync, in no more processes besides this one than there are jobs."""

    def __init__(self, *, runner: Runner, jobs: int) -> None:
        self.runner = runner
        self.slots = BoundedSemaphore(jobs - 1) if jobs > 1 else None
        """The processes, counted once for all threads."""

    @contextmanager
    def linking(self, weights: Mapping[str, int], lock: int) -> Iterator[Linking]:
        """What links into one environment; the other process starts now, while that is being made.

        `weights` has the bytes of each wheel's table, `lock` is as in `Installer.create`.
        """
        slots = self.slots if sum(weights.values()) >= _WORTH else None
        if slots is None or not slots.acquire(blocking=False):
            yield Linking(weights)
            return
        try:
            with _OtherProcess(self.runner, lock) as other:
                yield Linking(weights, other)
        finally:
            slots.release()


class Linking:
    """Links wheels into one environment and walks through it; another process helps, if there is one."""

    def __init__(self, weights: Mapping[str, int], other: _OtherProcess | None = None) -> None:
        self._weights = weights
        self._other = other

    def link(self, share: Share) -> Iterator[dict[str, LinkedWheel | None]]:
        """What came of the wheels, by sha256 as in `link_share`: of this process's own, then of the other's.

        LinkingDiedError where the other process was ended: nobody knows then what it has linked.
        """
        if self._other is None or self._other.begun or len(share.names) > MOST:
            yield link_share(share, range(len(share.names)))
            return
        heavy_first = sorted(share.names, key=lambda name: -self._weights.get(name, 0))
        share = share._replace(names=tuple(heavy_first))  # so that both end together
        yield link_share(share, self._other.begin(tuple(share), len(share.names)))
        yield from_plain(self._other.result())

    def walk(self, root: bytes, mode: int | None, inner: bytes) -> Iterator[Visit]:
        """Every folder from a root down, as `walk_folders`; those in the inner one are shared out.

        The root keeps the mode that it has.
        It comes after `link`, and once. LinkingDiedError as there.
        """
        folders = folders_in(inner) if self._other is not None and self._other.begun else []
        folders.sort(key=lambda folder: -os.lstat(folder).st_nlink)  # as many folders as it holds
        if self._other is None or not 0 < len(folders) <= MOST:
            yield from walk_folders([root], mode=mode, keep=(root,))
            return
        numbers = self._other.begin((folders, mode), len(folders))
        yield from walk_folders((folders[number] for number in numbers), mode=mode)
        shared = frozenset(folders)
        yield from walk_folders([root], mode=mode, keep=(root,), spare=shared)  # changed last
        yield from tuples_of(Visit, self._other.result())


class _OtherProcess:
    """A Python that has imported what it needs, waits for a job, and then takes of it what is left."""

    def __init__(self, runner: Runner, lock: int) -> None:
        self._runner = runner
        self._lock = lock
        self._threads = Workers(max_workers=1)
        self._open: set[int] = set()
        self.begun: list[int] = []
        """The queue of each job that it was given."""

        self._ended: Future[Completed] | None = None

    def __enter__(self) -> _OtherProcess:
        its_job, self._job = os.pipe()
        self._queues = [os.pipe(), os.pipe()]
        self._result, its_result = os.pipe()
        self._open |= {self._job, self._result, *chain.from_iterable(self._queues)}
        its_queues = [os.dup(queue) for queue, _ in self._queues]
        self._ended = self._threads.submit(self._run, its_job, *its_queues, its_result)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Let it go on with nothing, and wait for it, unless the user has interrupted envbuild."""
        for queue in self.begun:  # nothing more is left to it
            tuple(taken_from(queue))
        for descriptor in tuple(self._open):
            self._close(descriptor)
        self._threads.__exit__(kind, *rest)  # type: ignore[arg-type]

    def begin(self, job: tuple[object, ...], count: int) -> Iterator[int]:
        """Let it begin with so many pieces; the numbers of those that it leaves to the caller, one by one."""
        queue, fill = self._queues.pop(0)
        os.write(fill, queue_of(count))
        self._close(fill)
        self.begun.append(queue)
        with suppress(BrokenPipeError):  # `result` tells
            send(self._job, job)
        return taken_from(queue)

    def result(self) -> Any:
        """What came of those that it took; OSError where the system refused it something."""
        try:
            kind, *rest = receive(self._result)
        except (EOFError, ValueError, TypeError) as error:
            raise self._death() from error
        if kind == "refused":
            number, path = rest
            raise OSError(number or errno.EIO, os.strerror(number or errno.EIO), os.fsdecode(path))
        return rest[0]

    def _death(self) -> LinkingDiedError:
        """Why it has said nothing."""
        assert self._ended is not None
        try:
            ended = self._ended.result()
        except HostError as error:
            return LinkingDiedError(error.problems)
        message = f"the process that links files ended (status {ended.code})"
        return LinkingDiedError(Problem(message=message, detail=ended.stderr))

    def _run(self, *pipes: int) -> Completed:
        """Run it to its end; then its ends of the pipes are closed here too, so that nobody waits for it."""
        options = ("-I", "-S", *(("-B",) if sys.dont_write_bytecode else ()))
        command = Command(
            argv=(sys.executable, *options, "-c", _PROGRAM, _PACKAGE_ROOT, *map(str, pipes)),
            env=scrubbed_environment(os.environ),
            cwd="/",
            keep_open=(self._lock, *pipes),
        )
        try:
            return self._runner.run(command)
        finally:
            for pipe in pipes:
                os.close(pipe)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)
