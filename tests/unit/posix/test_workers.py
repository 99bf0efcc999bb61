"""Work for several arguments at the same time: results in order, and no thread where none is needed."""

from __future__ import annotations

import threading

import pytest

from envbuild.posix.workers import side_by_side


def test_results_are_in_the_order_of_the_arguments() -> None:
    """All run at the same time, whichever ends first."""
    together = threading.Barrier(3, timeout=30)

    def work(number: int, word: str) -> str:
        together.wait()
        return word * number

    assert side_by_side(work, [1, 2, 3], ["a", "b", "c"], most=3) == ["a", "bb", "ccc"]


@pytest.mark.parametrize(("numbers", "most"), [([], 4), ([1], 4), ([1, 2], 1)])
def test_no_thread_is_started_for_one(numbers: list[int], most: int) -> None:
    """A thread takes longer to start than most of such work takes."""
    threads = side_by_side(lambda _: threading.current_thread(), numbers, most=most)
    assert threads == [threading.current_thread()] * len(numbers)


def test_an_error_reaches_the_caller() -> None:
    """The first in order, as from a loop."""
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 // number, [1, 0], most=2)
