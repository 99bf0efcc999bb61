"""Work for two processes; the second one imports this module, so it needs nothing but the standard library."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def slowly(items: Iterator[Any]) -> tuple[int, list[Any]]:
    """Who took which items; each takes long enough for the other process to have its turn."""
    taken = []
    for item in items:
        time.sleep(0.01)
        taken.append(item)
    return os.getpid(), taken


def until(other: Callable[[], object], owner: int, items: Iterator[Any]) -> list[Any]:
    """The items that this process took; after its first item, a process that is not the owner calls `other`."""
    taken = []
    for item in items:
        taken.append(item)
        if os.getpid() != owner:
            other()
        time.sleep(0.01)
    return taken


def be_killed() -> None:
    """End as the kernel ends a process when memory is short."""
    os.kill(os.getpid(), 9)


def leave() -> None:
    """End without an error."""
    sys.exit(0)


def fail() -> None:
    """Raise what a full disk raises."""
    raise OSError(28, "No space left on device")
