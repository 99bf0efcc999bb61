"""Threads for work that waits for other programs or for indexes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

T = TypeVar("T")


class Workers(ThreadPoolExecutor):
    """A pool whose `with` block waits for its threads, unless the user interrupts it.

    After an interrupt the caller at once stops the programs that the threads wait for.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for every thread; after an interrupt start nothing more and return."""
        interrupted = error is not None and not isinstance(error, Exception)
        self.shutdown(wait=not interrupted, cancel_futures=interrupted)


def side_by_side(
    function: Callable[..., T], first: Sequence[object], *more: Sequence[object], most: int
) -> list[T]:
    """The function's results for all arguments, in order, at most so many at a time; a single one without a thread."""
    if most == 1 or len(first) < 2:
        return list(map(function, first, *more))
    with Workers(most) as pool:
        return list(pool.map(function, first, *more))
