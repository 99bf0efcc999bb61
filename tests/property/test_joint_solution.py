"""The ways to decide whether several drivers fit together: each says the same as trying everything."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from envbuild.conflicts import joint_solution
from envbuild.conflicts.demand import needed_pins
from envbuild.conflicts.pair_decision import Fleet
from envbuild.conflicts.propagation import Propagation
from tests.property.toy_fleets import fleets
from tests.support.examples import examples
from tests.support.fleets import TARGET, Line, line_of, locked_index, serves, solutions

if TYPE_CHECKING:
    from envbuild.conflicts.candidates import Candidates
    from envbuild.conflicts.propagation import DriverPart
    from tests.support.fleets import ToyFleet

WAYS = (joint_solution.resolve, joint_solution.try_all)
"""What decides where the quick ways do not; on toy fleets they would hardly ever be reached."""

THOROUGH = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck)
)


def _lines(fleet: ToyFleet, drivers: tuple[str, ...]) -> tuple[Line, ...]:
    return tuple(line_of(fleet.lockfiles[driver]) for driver in drivers)


def _versions(
    candidates: Candidates, parts: tuple[DriverPart, ...], pins: dict[str, int]
) -> dict[str, str]:
    needed = needed_pins(candidates, parts, pins)
    return {name: candidate.version for name, candidate in needed.items()}


@THOROUGH
@given(fleet=fleets())
def test_search_finds_a_choice_exactly_where_there_is_one(fleet: ToyFleet) -> None:
    """resolvelib, and the trial of everything that stands behind it, agree with brute force."""
    index = locked_index(fleet.lockfiles.values())
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    candidates = decided.candidates(TARGET)
    for drivers in combinations(fleet.lockfiles, 2):
        lines = _lines(fleet, drivers)
        possible = next(solutions(index, lines, TARGET), None) is not None
        parts = tuple(decided.demand(driver, TARGET, TARGET).part for driver in drivers)
        known = Propagation(candidates, parts)
        if known.empty is not None:
            assert not possible
            continue
        for way in WAYS:
            pins = way(candidates, known)
            assert (pins is not None) == possible
            if pins is not None:
                versions = _versions(candidates, parts, pins)
                assert all(serves(index, line, versions, TARGET) for line in lines)


@THOROUGH
@given(fleet=fleets())
def test_three_drivers_fit_together_exactly_where_some_choice_serves_all(fleet: ToyFleet) -> None:
    """A group is decided as a whole: pairs that fit need not fit together."""
    index = locked_index(fleet.lockfiles.values())
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    drivers = tuple(fleet.lockfiles)
    lines = _lines(fleet, drivers)
    together = decided.fit_together(drivers, TARGET)
    possible = next(solutions(index, lines, TARGET), None)
    assert (together is None) == (possible is None)
    if together is not None:
        versions = {name: candidate.version for name, candidate in together.items()}
        assert all(serves(index, line, versions, TARGET) for line in lines)
