"""The search for the moves that broke a driver."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.commands.bisect import Verdict, describe_culprits, find_culprits
from envbuild.errors import NoError
from envbuild.lockfile.moves import TwoLockfiles
from tests.support.values import LINUX, make_driver, make_lockfile, make_package

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.lockfile.moves import Moves

NAMES = [f"p{number:02}" for number in range(40)]
DRIVER = make_driver("asr", "asr")


def sides(requires: dict[str, list[str]] | None = None) -> TwoLockfiles:
    """Forty packages that have all moved; a package's new version can require the new ones of others."""
    needs = requires or {}
    good = [make_package("asr", "1.0", requires=tuple(NAMES))]
    bad = [make_package("asr", "1.0", requires=tuple(NAMES))]
    for name in NAMES:
        good.append(make_package(name, "1.0"))
        asked = tuple(f"{other}>=2" for other in needs.get(name, ()))
        bad.append(make_package(name, "2.0", requires=asked))
    lockfile = make_lockfile(DRIVER, *bad)
    return TwoLockfiles(good, lockfile, lockfile.inputs.requires, LINUX)


def judge(*culprits: str, tried: list[Moves] | None = None) -> Callable[[Moves], Verdict]:
    """Bad where all of these moves are made."""

    def verdict(moves: Moves) -> Verdict:
        if tried is not None:
            tried.append(moves)
        return Verdict.BAD if moves.issuperset(culprits) else Verdict.GOOD

    return verdict


@pytest.mark.parametrize("name", NAMES)
def test_one_culprit(name: str) -> None:
    """It is found in about twice as many trials as there are halvings."""
    tried: list[Moves] = []
    assert find_culprits(sides(), judge(name, tried=tried)) == {name}
    assert len(tried) <= 2 * 6 + 2
    assert len(tried) == len(set(tried))


@pytest.mark.parametrize("pair", [("p00", "p39"), ("p19", "p20"), ("p03", "p04")])
def test_two_that_only_break_together(pair: tuple[str, str]) -> None:
    """Neither alone is bad; both are found, in fewer trials than trying pairs."""
    tried: list[Moves] = []
    assert find_culprits(sides(), judge(*pair, tried=tried)) == set(pair)
    assert len(tried) < len(list(combinations(NAMES, 2))) / 10


def test_a_culprit_that_cannot_move_alone() -> None:
    """What its requirements need moves with it, and is told apart from it."""
    two = sides({"p07": ["p08", "p30"]})
    found = find_culprits(two, judge("p07"))
    assert found == {"p07", "p08", "p30"}
    (culprit,) = describe_culprits(two, found)
    assert culprit.move.package == "p07"
    assert [move.package for move in culprit.brings] == ["p08", "p30"]
    assert culprit.requirement == "p07<2.0"
    assert culprit.chain is not None
    assert [edge.package for edge in culprit.chain] == ["asr", "p07"]


def test_culprits_that_can_only_move_together() -> None:
    """They are one culprit: no trial could tell them apart."""
    two = sides({"p07": ["p08"], "p08": ["p07"]})
    (culprit,) = describe_culprits(two, find_culprits(two, judge("p08")))
    assert (culprit.move.package, [move.package for move in culprit.brings]) == ("p07", ["p08"])


def test_two_innocent_ones_that_only_move_together() -> None:
    """They are passed over together: neither can stay without the other."""
    two = sides({"p01": ["p00", "p10"], "p10": ["p00", "p01"]})
    assert find_culprits(two, judge("p00", "p02")) == {"p00", "p02"}


def test_only_sets_that_hold_together_are_tried() -> None:
    """No trial breaks a requirement."""
    two = sides({"p01": ["p02"], "p02": ["p03"], "p20": ["p01"]})
    tried: list[Moves] = []
    find_culprits(two, judge("p20", tried=tried))
    assert all(two.closed(moves) == moves for moves in tried)


def test_what_cannot_be_judged_is_passed_over() -> None:
    """Some environments cannot be built; the culprit is found by the others."""

    def verdict(moves: Moves) -> Verdict:
        if len(moves) in (20, 10):
            return Verdict.SKIPPED
        return judge("p05")(moves)

    assert find_culprits(sides(), verdict) == {"p05"}


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (lambda _: Verdict.GOOD, "the bad side does not fail"),
        (lambda _: Verdict.BAD, "the good side fails too"),
        (lambda _: Verdict.SKIPPED, "the bad side cannot be judged"),
    ],
)
def test_sides_that_are_not_what_they_should_be(
    verdict: Callable[[Moves], Verdict], said: str
) -> None:
    """Both ends are judged first."""
    with pytest.raises(NoError, match=said):
        find_culprits(sides(), verdict)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3), max_size=20
    ),
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
)
def test_what_is_found_is_bad_and_holds_together(
    requires: dict[str, list[str]], culprits: set[str]
) -> None:
    """Without any one of its moves, and what needs that one, it is good."""
    two = sides(requires)
    found = find_culprits(two, judge(*culprits))
    assert two.closed(found) == found
    assert found == two.closed(culprits)
