"""Divide work between this process and a Python that is started for it: a process with threads must not fork."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from contextlib import ExitStack, contextmanager

from envbuild.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from envbuild.posix.process import Command, SystemRunner, Talk

    Item = TypeVar("Item")
    Result = TypeVar("Result")

_LAST = 255
"""Instead of a batch's number, it tells a process that no batch is left."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from envbuild.posix.second_process import main; main(int(sys.argv[2]))"
)
_PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120


class SecondProcessError(Exception):
    """A second process ended before it said what it had done; it may have done a part."""


class SecondProcess:
    """Divides work between this process and a second one, if there is one."""

    def __init__(self, process: Talk | None = None, queue: int = -1, end: int = -1) -> None:
        """`queue` and `end` are the pipe from which both processes take the numbers of batches."""
        self._process = process
        self._queue = queue
        self._end = end

    def divide(
        self, work: Callable[[Iterator[Item]], Result], items: Sequence[Item]
    ) -> list[Result]:
        """Call `work` in each process with the items that the process takes; the result of each.

        A process takes further items when it is done with the last ones.
        `work`, items and results can be pickled. An error in the second process ends it.
        """
        process = self._process
        if process is None or process.poll() is not None:
            return [work(iter(items))]
        assert process.stdin is not None
        assert process.stdout is not None
        batches = [items[start::_LAST] for start in range(min(len(items), _LAST))]
        os.write(self._end, bytes((*range(len(batches)), _LAST, _LAST)))
        try:
            pickle.dump((work, batches), process.stdin, -1)
            process.stdin.flush()
        except BrokenPipeError:  # it has ended, and has taken nothing
            return [work(iter(items))]
        mine = work(_take(batches, self._queue))
        try:
            return [mine, pickle.load(process.stdout)]  # noqa: S301  (of our own process)
        except (EOFError, pickle.UnpicklingError) as error:
            message = f"a process that builds it ended with status {process.wait()}"
            raise SecondProcessError(message) from error


class SecondProcesses:
    """Starts second processes; safe for several threads."""

    def __init__(self, runner: SystemRunner, most: int) -> None:
        """`most`: how many may run at once."""
        from threading import BoundedSemaphore

        self._runner = runner
        self._free = BoundedSemaphore(most)

    @contextmanager
    def start(self, lock: int) -> Iterator[SecondProcess]:
        """A second process until the block ends; none if there are enough, or the host cannot start one.

        `lock` is a descriptor that it holds too, until it has ended.
        """
        if not self._free.acquire(blocking=False):
            yield SecondProcess()
            return
        with ExitStack() as stack:
            stack.callback(self._free.release)
            queue, end = os.pipe()
            stack.callback(os.close, queue)
            stack.callback(os.close, end)
            try:
                process = stack.enter_context(self._runner.talk(_command(queue, lock)))
            except HostError:
                process = None
            yield SecondProcess(process, queue, end)


def _command(queue: int, lock: int) -> Command:
    from envbuild.posix.process import Command, scrubbed_environment

    bytecode = ("-B",) if sys.dont_write_bytecode else ()
    options = ("-I", "-S", f"-Xutf8={sys.flags.utf8_mode}", *bytecode)
    return Command(
        argv=(sys.executable, *options, "-c", _PROGRAM, _PACKAGE_ROOT, str(queue)),
        env=scrubbed_environment(os.environ),
        cwd="/",
        keep_open=(lock, queue),
    )


def _take(batches: Sequence[Sequence[Item]], queue: int) -> Iterator[Item]:
    """The items of each batch whose number this process gets."""
    while (number := os.read(queue, 1)[0]) != _LAST:
        yield from batches[number]


def main(queue: int) -> None:
    """The second process: jobs on stdin until it is closed, their results on stdout."""
    gc.disable()  # it makes many values, and no cycles
    jobs, results = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            work, batches = pickle.load(jobs)  # noqa: S301  (of envbuild itself)
        except EOFError:
            return
        pickle.dump(work(_take(batches, queue)), results, -1)
        results.flush()
