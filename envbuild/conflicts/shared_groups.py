"""The largest groups of drivers that could share one environment."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.conflicts.conflict import Pair
    from envbuild.conflicts.pair_decision import Fleet
    from envbuild.target.target import Target

_MOST_GROUPS = 10
_MOST_CLIQUES = 2000
"""Large fleets have more; in practice the largest groups come first."""


@value
class Group:
    """Drivers that could share one environment on a target."""

    drivers: tuple[str, ...]
    target: Target
    packages: int
    """The number of packages in the shared environment."""

    apart: int
    """Bytes of the drivers' wheels in separate environments."""

    together: int
    """Bytes of the wheels in the shared environment."""

    @property
    def saved(self) -> int:
        """How many bytes of wheels sharing would save."""
        return self.apart - self.together


def find_groups(fleet: Fleet, pairs: tuple[Pair, ...]) -> tuple[Group, ...]:
    """Groups that no other driver could join, the largest first; each was tried as a whole."""
    friends = _friends(pairs)
    order = {driver: place for place, driver in enumerate(friends)}
    cliques = sorted(islice(_cliques(friends), _MOST_CLIQUES), key=len, reverse=True)
    found: dict[tuple[str, ...], Group] = {}
    for clique in cliques[: 4 * _MOST_GROUPS]:
        drivers = tuple(sorted(clique, key=order.__getitem__))
        group = _largest_that_fits(fleet, drivers)
        if group is not None and not any(set(group.drivers) <= set(other) for other in found):
            found[group.drivers] = group
    largest = sorted(found.values(), key=lambda group: (-len(group.drivers), -group.saved))
    return tuple(largest[:_MOST_GROUPS])


def _friends(pairs: tuple[Pair, ...]) -> dict[str, set[str]]:
    friends: dict[str, set[str]] = {}
    for pair in pairs:
        first = friends.setdefault(pair.first, set())
        second = friends.setdefault(pair.second, set())
        if pair.compatible:
            first.add(pair.second)
            second.add(pair.first)
    return friends


def _cliques(friends: Mapping[str, set[str]]) -> Iterator[frozenset[str]]:
    """Every maximal set of pairwise compatible drivers (Bron and Kerbosch, with a pivot)."""
    waiting = [(frozenset[str](), frozenset(friends), frozenset[str]())]
    while waiting:
        chosen, open_, done = waiting.pop()
        if not open_ and not done:
            if len(chosen) > 1:
                yield chosen
            continue
        pivot = max(sorted(open_ | done), key=lambda driver: len(friends[driver] & open_))
        for driver in sorted(open_ - friends[pivot]):
            near = friends[driver]
            waiting.append((chosen | {driver}, open_ & near, done & near))
            open_, done = open_ - {driver}, done | {driver}


def _largest_that_fits(fleet: Fleet, drivers: tuple[str, ...]) -> Group | None:
    """All of them if they fit together; else as many as do, leaving out the last first."""
    group = _group(fleet, drivers)
    if group is not None:
        return group
    chosen = drivers[:1]
    for driver in drivers[1:]:
        larger = _group(fleet, (*chosen, driver))
        if larger is not None:
            chosen, group = (*chosen, driver), larger
    return group


def _group(fleet: Fleet, drivers: tuple[str, ...]) -> Group | None:
    for target in _common_targets(fleet, drivers):
        together = fleet.fit_together(drivers, target)
        if together is not None:
            sizes = _sizes(fleet, target)
            return Group(
                drivers=drivers,
                target=target,
                packages=len(together),
                apart=sum(
                    fleet.lockfiles[driver].size_on(fleet.locked_for(driver, target))
                    for driver in drivers
                ),
                together=sum(
                    sizes.get((name, candidate.version), 0) for name, candidate in together.items()
                ),
            )
    return None


def _common_targets(fleet: Fleet, drivers: tuple[str, ...]) -> tuple[Target, ...]:
    """The targets that fit all the drivers, as the first of them prefers them."""
    from envbuild.conflicts.meeting import meet

    targets = fleet.lockfiles[drivers[0]].targets
    for driver in drivers[1:]:
        met = (
            meet(target, other) for target in targets for other in fleet.lockfiles[driver].targets
        )
        targets = tuple(dict.fromkeys(meeting.target for meeting in met if meeting is not None))
    return targets


def _sizes(fleet: Fleet, target: Target) -> dict[tuple[str, str], int]:
    """The size of every locked version's file, for the target if it is known."""
    sizes: dict[tuple[str, str], int] = {}
    for lockfile in fleet.lockfiles.values():
        for package in lockfile.packages:
            for file in package.files:
                if target in file.targets or (package.name, package.version) not in sizes:
                    sizes[package.name, package.version] = file.size
    return sizes
