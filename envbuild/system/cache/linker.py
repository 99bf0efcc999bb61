"""Link kept wheels in two processes: the kernel and Python both take their time for each file."""

from __future__ import annotations

import errno
import marshal
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.system.cache.share import MOST, from_plain, link_share, queue_of, taken_from
from envbuild.system.process import Command, scrubbed_environment
from envbuild.system.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from envbuild.system.cache.share import Share
    from envbuild.system.cache.wheels import LinkedWheel
    from envbuild.system.process import Completed, Runner

_WORTH = 240_000
"""The weight from which on another process gains more than its start takes: some thousand files."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from envbuild.system.cache.link_program import main; main(*map(int, sys.argv[2:]))"
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])


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
    """Links wheels into one environment; the first time another process helps, if there is one."""

    def __init__(self, weights: Mapping[str, int], other: _OtherProcess | None = None) -> None:
        self._weights = weights
        self._other = other

    def link(self, share: Share) -> dict[str, LinkedWheel | None]:
        """What came of each wheel, by its sha256, as in `link_share`.

        LinkingDiedError where the other process was ended: nobody knows then what it has linked.
        """
        other, self._other = self._other, None
        if other is None or len(share.names) > MOST:
            return link_share(share, range(len(share.names)))
        heavy_first = sorted(share.names, key=lambda name: -self._weights.get(name, 0))
        share = share._replace(names=tuple(heavy_first))  # so that both end together
        found = link_share(share, other.begin(share))
        return found | other.result()


class _OtherProcess:
    """A Python that has imported what it needs, waits for a share, and then takes of it what is left."""

    def __init__(self, runner: Runner, lock: int) -> None:
        self._runner = runner
        self._lock = lock
        self._threads = Workers(max_workers=1)
        self._open: set[int] = set()
        self._ended: Future[Completed] | None = None

    def __enter__(self) -> _OtherProcess:
        its_job, self._job = os.pipe()
        self._queue, self._fill = os.pipe()
        self._result, its_result = os.pipe()
        self._open |= {self._job, self._queue, self._fill, self._result}
        self._ended = self._threads.submit(self._run, its_job, os.dup(self._queue), its_result)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Let it go on with nothing, and wait for it, unless the user has interrupted envbuild."""
        if self._fill not in self._open:  # it has begun: nothing more is left to it
            tuple(taken_from(self._queue))
        for descriptor in tuple(self._open):
            self._close(descriptor)
        self._threads.__exit__(kind, *rest)  # type: ignore[arg-type]

    def begin(self, share: Share) -> Iterator[int]:
        """Let it begin with the share; the numbers that it leaves to the caller, one by one."""
        os.write(self._fill, queue_of(len(share.names)))
        self._close(self._fill)
        content = marshal.dumps(tuple(share))
        with suppress(BrokenPipeError):  # `result` tells
            while content:
                content = content[os.write(self._job, content) :]
        self._close(self._job)
        return taken_from(self._queue)

    def result(self) -> dict[str, LinkedWheel | None]:
        """What came of those that it took; OSError where the system refused it something."""
        self._open.discard(self._result)
        with os.fdopen(self._result, "rb") as stream:
            content = stream.read()
        try:
            kind, *rest = marshal.loads(content)  # noqa: S302  (of our own process)
        except (EOFError, ValueError, TypeError) as error:
            raise self._death() from error
        if kind == "refused":
            number, path = rest
            raise OSError(number or errno.EIO, os.strerror(number or errno.EIO), os.fsdecode(path))
        return from_plain(rest[0])

    def _death(self) -> LinkingDiedError:
        """Why it has said nothing."""
        assert self._ended is not None
        try:
            ended = self._ended.result()
        except HostError as error:
            return LinkingDiedError(error.problems)
        message = f"the process that links files ended (status {ended.code})"
        return LinkingDiedError(Problem(message=message, detail=ended.stderr))

    def _run(self, job: int, queue: int, result: int) -> Completed:
        """Run it to its end; then its ends of the pipes are closed here too, so that nobody waits for it."""
        pipes = (job, queue, result)
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
