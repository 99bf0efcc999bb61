"""Do the same with many things in forked processes: threads gain nothing where Python does the work."""

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
"""`signal` takes longer to import than this takes elsewhere."""


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """What the function makes of each item, in order; this process takes its share of them.

    Where the host has no room for another process, this one does that one's share.
    Results are of the kinds that `marshal` knows. ChildProcessError where a process was killed:
    then nobody knows. For the time before there are threads.
    """
    shares = [items[start::workers] for start in range(min(workers, len(items)))]
    running: dict[int, tuple[int, BinaryIO]] = {}
    try:
        for number, share in enumerate(shares[1:], 1):
            try:
                running[number] = _start(function, share)
            except OSError:  # `contextlib` takes longer to import than a look takes
                continue
        found = []
        for number, share in enumerate(shares):
            if number not in running:
                found.append([function(item) for item in share])
                continue
            pid, results = running[number]
            with results:
                content = results.read()
            del running[number]  # before it is waited for: an interrupt would have it killed
            found.append(_loaded(pid, content))
    finally:
        for pid, results in running.values():
            os.kill(pid, _SIGKILL)
            os.waitpid(pid, 0)
            results.close()
    return [found[number % workers][number // workers] for number in range(len(items))]


def _start(function: Callable[[Item], Result], share: Sequence[Item]) -> tuple[int, BinaryIO]:
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
        content = marshal.dumps([function(item) for item in share])
        with os.fdopen(end, "wb") as stream:
            stream.write(content)
        code = 0
    finally:
        os._exit(code)


def _loaded(pid: int, content: bytes) -> list[Result]:
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise ChildProcessError("a process that looked at environments was killed")
    found: list[Result] = marshal.loads(content)  # noqa: S302  (of our own process)
    return found
