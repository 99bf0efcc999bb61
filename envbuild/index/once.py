"""Compute a value once for several threads."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Once(Generic[T]):
    """Remembers one answer for each key, an error as well as a value; safe to share between threads."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._answers: dict[Hashable, Future[T]] = {}

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The value for the key; the first thread computes it, the others wait."""
        with self._guard:
            answer = self._answers.get(key)
            is_first = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if is_first:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001  (every waiting thread raises it)
                answer.set_exception(error)
        return answer.result()
