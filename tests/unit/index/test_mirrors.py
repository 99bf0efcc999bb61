"""Mirrors: the next one is asked where one is down, and never where one has answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.locations import IndexLocation
from envbuild.index.mirrors import Mirrors

DOWN = (Fault.UNREACHABLE, Fault.TIMED_OUT, Fault.TRUNCATED, Fault.SERVER_ERROR)
B = IndexLocation(name="own", url="http://b.example/simple")
C = IndexLocation(name="own", url="http://c.example:81/simple")
A = IndexLocation(name="own", url="http://a.example/simple", mirrors=(B, C))


class Net:
    """Which places answer badly, and who was asked."""

    def __init__(self, **faults: Fault) -> None:
        self.faults = faults
        self.asked: list[str] = []

    def ask(self, place: IndexLocation) -> str:
        """The place's host; IndexAnswerError where it answers badly."""
        assert not place.mirrors
        host = place.place[0]
        self.asked.append(host)
        if host in self.faults:
            fault = self.faults[host]
            status = 503 if fault is Fault.SERVER_ERROR else None
            reason = "connection refused" if fault is Fault.UNREACHABLE else None
            answer = IndexAnswer(
                fault=fault, location=place, package="top", status=status, reason=reason
            )
            raise IndexAnswerError(answer)
        return host


@pytest.mark.parametrize("fault", DOWN)
def test_a_place_that_is_down_is_asked_once(fault: Fault) -> None:
    """Neither it nor a mirror behind the one that is up is asked for further pages."""
    mirrors, net = Mirrors(), Net(a=fault)
    assert [mirrors.ask(A, net.ask) for _ in range(3)] == ["b", "b", "b"]
    assert net.asked == ["a", "b", "b", "b"]


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in DOWN])
def test_an_answer_stays_an_answer(fault: Fault) -> None:
    """Above all that a package is not there: nobody else is asked for it."""
    mirrors, net = Mirrors(), Net(a=fault)
    for _ in range(2):
        with pytest.raises(IndexAnswerError) as caught:
            mirrors.ask(A, net.ask)
        assert (caught.value.answer.fault, caught.value.answer.tried) == (fault, ())
    assert net.asked == ["a", "a"]


def test_the_sentence_names_who_was_tried() -> None:
    """All places that are down, each with what was wrong with it; also before an answer."""
    net = Net(a=Fault.UNREACHABLE, b=Fault.SERVER_ERROR, c=Fault.TIMED_OUT)
    with pytest.raises(IndexAnswerError) as caught:
        Mirrors().ask(A, net.ask)
    assert str(caught.value).splitlines()[0] == (
        "index 'own' (c.example:81) did not answer in time; "
        "tried before: a.example (connection refused), b.example (503 Service Unavailable)"
    )
    net = Net(a=Fault.UNREACHABLE, b=Fault.NOT_FOUND)
    with pytest.raises(IndexAnswerError) as caught:
        Mirrors().ask(A, net.ask)
    assert str(caught.value).splitlines()[0] == (
        "index 'own' has no package 'top'; tried before: a.example (connection refused)"
    )


def test_an_index_without_mirrors_is_asked_every_time() -> None:
    """Nothing is remembered of it here."""
    mirrors, net = Mirrors(), Net(b=Fault.UNREACHABLE)
    for _ in range(2):
        with pytest.raises(IndexAnswerError):
            mirrors.ask(B, net.ask)
    assert net.asked == ["b", "b"]
    assert mirrors.ask(IndexLocation(name="own", folder=Path("/srv")), net.ask) == "/"
