"""Call a function for many items in forked processes: threads gain nothing when Python does the work."""

from __future__ import annotations

import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO, TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")


_SIGKILL = 9
"""SIGKILL; importing `signal` takes too long."""


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """The function's result for each item, in order; this process does a part of the work.

    If the host cannot start another process, this one does its part too.
    Results are of types that `marshal` can write. ChildProcessError if a process was killed.
    Call this before any thread starts.
    """
    parts = [items[start::workers] for start in range(min(workers, len(items)))]
    running: dict[int, tuple[int, BinaryIO]] = {}
    try:
        for number, part in enumerate(parts[1:], 1):
            try:
                running[number] = _start(function, part)
            except OSError:  # importing `contextlib` takes too long
                continue
        found = []
        for number, part in enumerate(parts):
            if number not in running:
                found.append([function(item) for item in part])
                continue
            pid, results = running[number]
            with results:
                content = results.read()
            del running[number]  # before waiting: an interrupt would kill it
            found.append(_loaded(pid, content))
    finally:
        for pid, results in running.values():
            os.kill(pid, _SIGKILL)
            os.waitpid(pid, 0)
            results.close()
    return [found[number % workers][number // workers] for number in range(len(items))]


def _start(function: Callable[[Item], Result], part: Sequence[Item]) -> tuple[int, BinaryIO]:
    """The pid of a new process, and the stream from which its results come."""
    results, end = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(results)
        os.close(end)
        raise
    if pid:
        os.close(end)
        return pid, os.fdopen(results, "rb")
    code = 1
    try:
        content = marshal.dumps([function(item) for item in part])
        with os.fdopen(end, "wb") as stream:
            stream.write(content)
        code = 0
    finally:
        os._exit(code)


def _loaded(pid: int, content: bytes) -> list[Result]:
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise ChildProcessError("a process that checked environments was killed")
    found: list[Result] = marshal.loads(content)  # noqa: S302  (of our own process)
    return found
