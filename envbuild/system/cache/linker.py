"""Link kept wheels in two processes: the kernel and Python both take their time for each file."""

from __future__ import annotations

import errno
import marshal
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.system.cache.share import from_plain, link_share
from envbuild.system.process import Command, scrubbed_environment
from envbuild.system.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from envbuild.system.cache.share import Share
    from envbuild.system.cache.wheels import LinkedWheel
    from envbuild.system.process import Completed, Runner

_WORTH = 400_000
"""The weight from which on another process gains more than its start takes: some thousand files."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from envbuild.system.cache.link_program import main; main(*map(int, sys.argv[2:]))"
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])


class LinkingDiedError(HostError):
    """The other process was ended before it had said what it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Linker:
    """Links for every build of a sync, in no more processes besides this one than there are jobs."""

    runner: Runner
    jobs: int
    slots: BoundedSemaphore | None = field(init=False)

    def __post_init__(self) -> None:
        """Count the processes once, for all threads."""
        slots = BoundedSemaphore(self.jobs - 1) if self.jobs > 1 else None
        object.__setattr__(self, "slots", slots)

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
    """Links shares into one environment; the first is divided with another process, if there is one."""

    def __init__(self, weights: Mapping[str, int], other: _OtherProcess | None = None) -> None:
        self._weights = weights
        self._other = other

    def link(self, share: Share) -> dict[str, LinkedWheel | None]:
        """What came of each wheel, by its sha256, as in `link_share`.

        LinkingDiedError where the other process was ended: nobody knows then what it has linked.
        """
        other, self._other = self._other, None
        if other is None:
            return dict(zip(share.names, link_share(share), strict=True))
        mine, theirs = self._halves(share.names)
        other.begin(share._replace(names=theirs))
        found = dict(zip(mine, link_share(share._replace(names=mine)), strict=True))
        return found | dict(zip(theirs, other.result(), strict=True))

    def _halves(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Two parts of about the same weight."""
        parts: tuple[list[str], list[str]] = ([], [])
        sums = [0, 0]
        for name in sorted(names, key=lambda name: -self._weights.get(name, 0)):
            lighter = sums[1] < sums[0]
            parts[lighter].append(name)
            sums[lighter] += self._weights.get(name, 0)
        return tuple(parts[0]), tuple(parts[1])


class _OtherProcess:
    """A Python that has imported what it needs and waits for its share."""

    def __init__(self, runner: Runner, lock: int) -> None:
        self._runner = runner
        self._lock = lock
        self._threads = Workers(max_workers=1)
        self._open: set[int] = set()
        self._ended: Future[Completed] | None = None

    def __enter__(self) -> _OtherProcess:
        its_job, self._job = os.pipe()
        self._result, its_result = os.pipe()
        self._open |= {self._job, self._result}
        self._ended = self._threads.submit(self._run, its_job, its_result)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Let it go on with nothing, and wait for it, unless the user has interrupted envbuild."""
        self._close(self._job)
        self._close(self._result)
        self._threads.__exit__(kind, *rest)  # type: ignore[arg-type]

    def begin(self, share: Share) -> None:
        """Hand it its share."""
        content = marshal.dumps((*share[:-1], tuple(share.names)))
        with suppress(BrokenPipeError):  # `result` tells
            while content:
                content = content[os.write(self._job, content) :]
        self._close(self._job)

    def result(self) -> list[LinkedWheel | None]:
        """What came of its share; OSError where the system refused it something."""
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

    def _run(self, job: int, result: int) -> Completed:
        """Run it to its end; then its ends of the pipes are closed here too, so that nobody waits for it."""
        options = ("-I", "-S", *(("-B",) if sys.dont_write_bytecode else ()))
        command = Command(
            argv=(sys.executable, *options, "-c", _PROGRAM, _PACKAGE_ROOT, str(job), str(result)),
            env=scrubbed_environment(os.environ),
            cwd="/",
            keep_open=(self._lock, job, result),
        )
        try:
            return self._runner.run(command)
        finally:
            os.close(job)
            os.close(result)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)
