"""How much a question about a fleet may take, so that no lockfile makes it endless."""

from __future__ import annotations

from envbuild.errors import Problem, UsageError

_MOST_STEPS = 200_000
"""A fleet of six drivers takes some thousand for all its pairs."""

_STEPS_OF_A_QUESTION = 2_000
_MOST_LINKS = 200_000
"""The most requirements of all locked versions, for each target."""

_MOST_ANSWERS = 50_000
"""Pairs of drivers, for each platform that both are for."""


class Bounds:
    """How much a question about a whole fleet may take, over all its targets."""

    def __init__(self) -> None:
        self._links = _MOST_LINKS
        self._answers = _MOST_ANSWERS

    def spend_links(self, count: int) -> None:
        """Count links that are kept; UsageError if there are too many."""
        self._links -= count
        if self._links < 0:
            raise _refused(f"{_MOST_LINKS:,} requirements of locked versions and targets")

    def spend_answers(self, count: int) -> None:
        """Count answers about a pair; UsageError if there are too many."""
        self._answers -= count
        if self._answers < 0:
            raise _refused(f"{_MOST_ANSWERS:,} pairs of drivers and platforms")


def _refused(amount: str) -> UsageError:
    message = f"comparing the drivers takes more than {amount}, the limit"
    hint = "name the drivers to compare, or split the fleet into several declarations"
    return UsageError(Problem(message=message, hint=hint))


class Steps:
    """How many steps searches for one target may take, each question adding its share."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def allow_more(self) -> None:
        """Let one more question take its share of steps."""
        self._left = min(_MOST_STEPS, self._left + _STEPS_OF_A_QUESTION)

    def spend(self) -> None:
        """Count one step; UsageError if a search takes too many."""
        self._left -= 1
        if self._left < 0:
            raise self.give_up()

    def give_up(self) -> UsageError:
        """The error of a search that is too long."""
        message = "it takes too long to decide whether drivers can share the locked versions"
        hint = "a lockfile has unusually many versions, or requirements on them"
        return UsageError(Problem(message=message, hint=hint))
