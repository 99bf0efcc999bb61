"""The sets of moves between two lockfiles that hold together."""

from __future__ import annotations

from envbuild.lockfile.moves import TwoLockfiles
from tests.support.values import LINUX, make_driver, make_lockfile, make_package

DRIVER = make_driver("asr", "asr", "web")
GOOD = (
    make_package("asr", "1.0", requires=("core<2", "gone")),
    make_package("core", "1.0"),
    make_package("gone", "1.0"),
    make_package("same", "1.0"),
    make_package("web", "1.0", requires=("core", "same")),
)
BAD = (
    make_package("asr", "2.0", requires=("core>=2", "new")),
    make_package("core", "2.0"),
    make_package("new", "1.0"),
    make_package("same", "1.0"),
    make_package("web", "1.1", requires=("core>=1", "same")),
)


def sides() -> TwoLockfiles:
    """The two sides of a driver."""
    bad = make_lockfile(DRIVER, *BAD)
    return TwoLockfiles(GOOD, bad, bad.inputs.requires, LINUX)


def test_every_difference_is_a_move() -> None:
    """Versions that moved, and packages that came or went; what is the same is none."""
    moves = {(move.package, move.before, move.after) for move in sides().moves}
    assert moves == {
        ("asr", "1.0", "2.0"),
        ("core", "1.0", "2.0"),
        ("gone", "1.0", None),
        ("new", None, "1.0"),
        ("web", "1.0", "1.1"),
    }


def test_what_must_move_together() -> None:
    """A move brings those that its requirements need, and those whose requirements it breaks."""
    assert sides().closed(["web"]) == {"web"}
    assert sides().closed(["asr"]) == {"asr", "core", "new"}
    assert sides().closed(["core"]) == {"asr", "core", "new"}
    assert sides().closed([]) == frozenset()


def test_a_mixture_has_what_is_needed_and_no_more() -> None:
    """It is a lockfile whose packages come from either side; what nothing requires is not in it."""
    found = {one.name: one.version for one in sides().mixture(frozenset({"web"})).packages}
    assert found == {"asr": "1.0", "core": "1.0", "gone": "1.0", "same": "1.0", "web": "1.1"}
    moved = sides().mixture(frozenset({"asr", "core", "new"}))
    assert {one.name: one.version for one in moved.packages} == {
        "asr": "2.0",
        "core": "2.0",
        "new": "1.0",
        "same": "1.0",
        "web": "1.0",
    }


def test_the_ends_are_the_sides() -> None:
    """No move gives the good side, every move the bad one."""
    two = sides()
    everything = frozenset(move.package for move in two.moves)
    assert [(one.name, one.version) for one in two.mixture(frozenset()).packages] == [
        (one.name, one.version) for one in GOOD
    ]
    assert [(one.name, one.version) for one in two.mixture(everything).packages] == [
        (one.name, one.version) for one in BAD
    ]
