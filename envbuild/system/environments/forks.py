"""Do the same with many things in forked processes: threads gain nothing where Python does the work."""

from __future__ import annotations

import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")


_SIGKILL = 9
"""`signal` takes longer to import than this takes elsewhere."""


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """What the function makes of each item, in order; this process takes its share of them.

    Results are of the kinds that `marshal` knows. ChildProcessError where a process was killed:
    then nobody knows. For the time before there are threads.
    """
    shares = [items[start::workers] for start in range(min(workers, len(items)))]
    running: dict[int, int] = {}
    try:
        for share in shares[1:]:
            pid, results = _start(function, share)
            running[pid] = results
        found = [[function(item) for item in share] for share in shares[:1]]
        while running:
            pid = next(iter(running))
            found.append(_collect(pid, running.pop(pid)))
    finally:
        for pid, results in running.items():
            os.kill(pid, _SIGKILL)
            os.waitpid(pid, 0)
            os.close(results)
    return [found[number % workers][number // workers] for number in range(len(items))]


def _start(function: Callable[[Item], Result], share: Sequence[Item]) -> tuple[int, int]:
    """The pid of a new process, and the descriptor from which its results come."""
    results, end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(end)
        return pid, results
    code = 1
    try:
        content = marshal.dumps([function(item) for item in share])
        with os.fdopen(end, "wb") as stream:
            stream.write(content)
        code = 0
    finally:
        os._exit(code)


def _collect(pid: int, results: int) -> list[Result]:
    with os.fdopen(results, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise ChildProcessError("a process that looked at environments was killed")
    found: list[Result] = marshal.loads(content)  # noqa: S302  (of our own process)
    return found
