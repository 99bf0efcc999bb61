"""Compute a value once for several threads."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Once(Generic[T]):
    """Remembers one answer for each key, an error as well as a value; safe to share between threads."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._answers: dict[Hashable, _Answer[T]] = {}

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The value for the key; the first thread computes it, the others wait."""
        with self._guard:
            answer = self._answers.setdefault(key, _Answer())
        return answer.get(ask)


class _Answer(Generic[T]):
    """The answer for one key, from the time when somebody asks for it."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._value: tuple[T] | None = None
        self._error: BaseException | None = None

    def get(self, ask: Callable[[], T]) -> T:
        with self._asking:
            if self._value is None and self._error is None:
                try:
                    self._value = (ask(),)
                except BaseException as error:  # noqa: BLE001  (every waiting thread raises it)
                    self._error = error
        if self._value is None:
            assert self._error is not None
            raise self._error
        return self._value[0]
