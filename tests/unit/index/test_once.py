"""A value is computed once for several threads, an error as well."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from envbuild.index.once import Once


@pytest.mark.parametrize("fails", [False, True])
def test_many_threads_get_the_answer_of_the_first(*, fails: bool) -> None:
    """Eight threads that ask at the same time get one answer, or all of them its error."""
    once: Once[int] = Once()
    barrier = Barrier(8)
    asked: list[int] = []
    answers: list[int | str] = []

    def ask() -> int:
        asked.append(1)
        if fails:
            raise ValueError("no answer")
        return 7

    def work() -> None:
        barrier.wait(30)
        try:
            answers.append(once.get("key", ask))
        except ValueError as error:
            answers.append(str(error))

    threads = [Thread(target=work, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == ["no answer" if fails else 7] * 8
    assert asked == [1]


def test_none_is_an_answer_and_keys_are_separate() -> None:
    """None is remembered like any other answer; another key is asked for by itself."""
    once: Once[int | None] = Once()
    assert once.get(("a", 1), lambda: None) is None
    assert once.get(("a", 1), lambda: 1) is None
    assert once.get(("a", 2), lambda: 2) == 2
