"""A process with all that it started: who is alive, and ways to end them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def descendants(pid: int) -> tuple[int, ...]:
    """The process ids below a living process, at whatever depth, zombies left out."""
    found: list[int] = []
    waiting = [pid]
    parents = _parents()
    while waiting:
        parent = waiting.pop()
        children = [child for child, known in parents.items() if known == parent]
        found += children
        waiting += children
    return tuple(found)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return _state(pid) not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_tree(pid: int) -> None:
    """SIGKILL a process and everything below it, as a service manager does; nobody gets a word in."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)  # so that it starts nothing more while it is looked at
    for victim in (*descendants(pid), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def wait_until(holds: Callable[[], object], what: str, *, seconds: float = 20.0) -> None:
    """Wait for a condition; fails the test where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.02)


def wait_for_end(*pids: int) -> None:
    """Wait until none of these processes runs any more."""
    wait_until(lambda: not any(map(is_alive, pids)), f"{pids} have ended")


def _parents() -> dict[int, int]:
    """Every living process with its parent."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            state, parent = _stat(int(entry.name))
            if state not in ("Z", "X"):
                parents[int(entry.name)] = int(parent)
    return parents


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _stat(pid: int) -> tuple[str, str]:
    """State and parent, which follow the command's name in brackets (proc(5))."""
    state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    return state, parent


def wait_for_descendant(parent: int, word: str, *, seconds: float = 60.0) -> int:
    """The pid of a process below another one that has a word on its command line; AssertionError where none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pid in descendants(parent):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in line:
                return pid
    raise AssertionError(f"no process with {word!r} was started")
