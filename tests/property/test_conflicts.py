"""What `conflicts` says about any two drivers, against trying everything."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from envbuild.conflicts.conflict import Cause, Compatible
from envbuild.conflicts.pair_decision import Fleet
from envbuild.requirement.parse import parse_requirement
from tests.property.toy_fleets import fleets
from tests.support.examples import examples
from tests.support.fleets import (
    TARGET,
    Index,
    Line,
    ToyFleet,
    line_of,
    locked_index,
    serves,
    solutions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.lockfile.lockfile import Lockfile


@given(fleets())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_a_pair_is_compatible_exactly_where_some_choice_of_locked_versions_serves_both(
    fleet: ToyFleet,
) -> None:
    """`conflicts` calls a pair compatible if and only if trying every locked version finds a way."""
    index = locked_index(fleet.lockfiles.values())
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    for first, second in combinations(fleet.lockfiles, 2):
        lines = (line_of(fleet.lockfiles[first]), line_of(fleet.lockfiles[second]))
        possible = next(solutions(index, lines, TARGET), None) is not None
        assert decided.decide(first, second).compatible == possible


@given(fleets())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_named_pins_serve_both_and_named_clashes_are_what_stands_between(fleet: ToyFleet) -> None:
    """The pins named do all that both ask; every conflict names at least one cause."""
    index = locked_index(fleet.lockfiles.values())
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    for first, second in combinations(fleet.lockfiles, 2):
        for outcome in decided.decide(first, second, explain=True).outcomes:
            if isinstance(outcome.answer, Compatible):
                pins = dict(outcome.answer.pins)
                for driver in (first, second):
                    assert serves(index, line_of(fleet.lockfiles[driver]), pins, TARGET)
            else:
                assert outcome.answer.clashes
                assert all(clash.causes for clash in outcome.answer.clashes)


Named = set[tuple[str, str, str]]
"""Causes as (who asks, the package, the specifier)."""


def _named(causes: tuple[Cause, ...]) -> Named:
    """A step asks as `name version`; a driver asks as itself."""
    return {
        (
            f"{cause.steps[-1].package} {cause.steps[-1].version}" if cause.steps else cause.driver,
            cause.package,
            cause.specifier,
        )
        for cause in causes
        if cause.kind != "brings"
    }


def _relaxed(
    asker: str,
    texts: tuple[str, ...],
    kept: Callable[[tuple[str, str, str]], bool],
    index: Index,
) -> tuple[str, ...]:
    """Requirements whose specifiers bind only where they are kept.

    What asks for a package that no lockfile has is kept whole or not at all: any specifier of it is too much.
    """
    relaxed = []
    for text in texts:
        wanted = parse_requirement(text)
        if kept((asker, wanted.name, wanted.specifier)):
            relaxed.append(text)
        elif wanted.name in index:
            relaxed.append(text.replace(wanted.specifier or "nothing", ""))
    return tuple(relaxed)


def _possible(
    index: Index, lockfiles: list[Lockfile], kept: Callable[[tuple[str, str, str]], bool]
) -> bool:
    """Whether the drivers would fit if only the kept specifiers bound."""
    loose = {
        name: {
            version: _relaxed(f"{name} {version}", texts, kept, index)
            for version, texts in versions.items()
        }
        for name, versions in index.items()
    }
    lines = tuple(
        Line(
            _relaxed(lockfile.driver, lockfile.inputs.requires, kept, index),
            _relaxed(lockfile.driver, lockfile.inputs.constraints, kept, index),
        )
        for lockfile in lockfiles
    )
    return next(solutions(loose, lines, TARGET), None) is not None


@given(fleets(overrides=False))
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_the_chain_is_minimal(fleet: ToyFleet) -> None:
    """Dropping any cause of a clash ends that clash; dropping all that is named makes the pair fit.

    Where a pair has one clash, dropping any of its causes makes the pair fit.
    """
    index = locked_index(fleet.lockfiles.values())
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    for first, second in combinations(fleet.lockfiles, 2):
        pair = [fleet.lockfiles[first], fleet.lockfiles[second]]
        for conflict in decided.decide(first, second, explain=True).conflicts:
            everything: Named = set()
            for clash in conflict.clashes:
                named = _named(clash.causes)
                everything |= named
                assert not _possible(index, pair, named.__contains__)
                for dropped in named:
                    assert _possible(index, pair, (named - {dropped}).__contains__)
                    if len(conflict.clashes) == 1:
                        assert _possible(index, pair, lambda cause: cause != dropped)  # noqa: B023
            assert _possible(index, pair, lambda cause: cause not in everything)  # noqa: B023
