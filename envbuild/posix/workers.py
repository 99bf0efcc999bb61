"""Threads for work that waits for other programs or for indexes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


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
