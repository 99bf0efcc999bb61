"""Mirrors of an index: asked in order, and one that is down is not asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.index.locations import IndexLocation

_DOWN = (Fault.UNREACHABLE, Fault.TIMED_OUT, Fault.TRUNCATED, Fault.SERVER_ERROR)
"""Faults of a place that is down; any other answer counts, and no other place is asked."""

T = TypeVar("T")


class Mirrors:
    """Which places of indexes are down, for the length of a command; safe to share between threads."""

    def __init__(self) -> None:
        self._down: dict[IndexLocation, IndexAnswer] = {}

    def ask(self, location: IndexLocation, ask: Callable[[IndexLocation], T]) -> T:
        """The answer of the first place that is up.

        IndexAnswerError of that place, or of the last one if all are down;
        it names the others that were tried.
        """
        if not location.mirrors:
            return ask(location)
        tried: list[IndexAnswer] = []
        for place in location.places:
            if place not in self._down:
                try:
                    return ask(place)
                except IndexAnswerError as error:
                    if error.answer.fault not in _DOWN:
                        raise IndexAnswerError(replace(error.answer, tried=tuple(tried))) from error
                    self._down[place] = error.answer
            tried.append(self._down[place])
        *others, last = tried
        raise IndexAnswerError(replace(last, tried=tuple(others)))
