"""Divide work among forked processes: threads gain nothing when Python does the work."""

from __future__ import annotations

import gc
import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, BinaryIO, TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")

MOST_BATCHES = 256
"""The number of a batch is one byte in a pipe, from which each process takes its next one."""

_SIGKILL = 9
"""SIGKILL; importing `signal` takes too long."""


def run_batches(
    work: Callable[[Iterator[int]], Result],
    batches: int,
    workers: int,
    meanwhile: Callable[[], object] | None = None,
) -> list[Result]:
    """Call `work` in each process with the numbers of the batches that the process takes; all results.

    This process first calls `meanwhile`, then takes batches too.
    If the host cannot start another process, the others do its part.
    Results are of types that `marshal` can write. ChildProcessError if a process was killed.
    Call this before any thread starts.
    """
    queue, end = os.pipe()
    os.write(end, bytes(range(batches)))
    os.close(end)
    running: dict[int, BinaryIO] = {}
    gc.freeze()  # a collection in a child would copy every page
    try:
        for _ in range(min(workers, batches) - 1):
            try:
                _start(work, queue, running)
            except OSError:  # importing `contextlib` takes too long
                break
        if meanwhile is not None:
            meanwhile()
        return [work(_numbers(queue)), *(_result(running, pid) for pid in tuple(running))]
    finally:
        gc.unfreeze()
        os.close(queue)
        for pid, results in running.items():
            os.kill(pid, _SIGKILL)
            os.waitpid(pid, 0)
            results.close()


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """The function's result for each item, in order; otherwise as `run_batches`."""
    batches = min(len(items), MOST_BATCHES)

    def work(numbers: Iterator[int]) -> list[tuple[int, list[Result]]]:
        return [(number, [function(item) for item in items[number::batches]]) for number in numbers]

    found = {number: made for part in run_batches(work, batches, workers) for number, made in part}
    return [found[number % batches][number // batches] for number in range(len(items))]


def _numbers(queue: int) -> Iterator[int]:
    while number := os.read(queue, 1):
        yield number[0]


def _start(
    work: Callable[[Iterator[int]], Result], queue: int, running: dict[int, BinaryIO]
) -> None:
    """Start a process, and note its pid with the stream from which its result comes."""
    results, end = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(results)
        os.close(end)
        raise
    if pid:
        os.close(end)
        running[pid] = os.fdopen(results, "rb")
        return
    code = 1
    try:
        gc.disable()
        result: Any = work(_numbers(queue))
        content = marshal.dumps(result)
        with os.fdopen(end, "wb") as stream:
            stream.write(content)
        code = 0
    finally:
        os._exit(code)


def _result(running: dict[int, BinaryIO], pid: int) -> Any:
    with running[pid] as results:
        content = results.read()
    del running[pid]  # before waiting: an interrupt would kill it
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise ChildProcessError("a process that checked environments was killed")
    return marshal.loads(content)  # noqa: S302  (of our own process)
