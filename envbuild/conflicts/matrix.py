"""All pairs of a fleet, and the packages that separate most pairs."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from envbuild.conflicts.candidates import newest_first
from envbuild.conflicts.conflict import DECLARED
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.conflicts.conflict import Conflict, Pair
    from envbuild.conflicts.pair_decision import Fleet
    from envbuild.target.target import Target

MOST_EXPLAINED = 120
"""So many conflicting pairs get chains, if no drivers are named."""


@value
class VersionWindow:
    """The versions of a package that some drivers admit."""

    drivers: tuple[str, ...]
    specifiers: tuple[str, ...]
    """Their specifiers, the narrowest first; empty if only a lockfile's choice restricts them."""

    versions: tuple[str, ...]
    """The admitted locked versions, the newest first."""


@value
class Split:
    """A package that separates drivers."""

    package: str
    pairs: tuple[tuple[str, str], ...]
    """The pairs that it separates."""

    windows: tuple[VersionWindow, ...]
    """The versions that each side admits, in the order of the drivers."""


def pairs_of(drivers: tuple[str, ...], named: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Every pair of the drivers; of one named driver, its pairs with all others."""
    if len(named) == 1:
        return tuple((named[0], other) for other in drivers if other != named[0])
    return tuple(combinations(named or drivers, 2))


def find_splits(fleet: Fleet, pairs: Iterable[Pair]) -> tuple[Split, ...]:
    """The packages that separate pairs, the one that separates most first."""
    separated: dict[str, list[tuple[Pair, Conflict]]] = {}
    unclear = 0
    for pair in pairs:
        seen: set[str] = set()
        for conflict in pair.conflicts:
            packages = conflict.packages
            if not packages and unclear < MOST_EXPLAINED:
                packages = tuple(_clashing(fleet, pair))
                unclear += 1
            for package in packages:
                if package not in seen and package not in DECLARED:
                    seen.add(package)
                    separated.setdefault(package, []).append((pair, conflict))
    splits = (_split(fleet, package, found) for package, found in separated.items())
    return tuple(sorted(splits, key=lambda split: (-len(split.pairs), split.package)))


def _clashing(fleet: Fleet, pair: Pair) -> Iterator[str]:
    """The packages in the clashes of a pair that no single package separates."""
    for conflict in fleet.decide(pair.first, pair.second, explain=True).conflicts:
        yield from conflict.packages


def _split(fleet: Fleet, package: str, found: list[tuple[Pair, Conflict]]) -> Split:
    windows: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}
    done: set[str] = set()
    for pair, conflict in found:
        for driver in (pair.first, pair.second):
            if driver not in done and conflict.target is not None:
                done.add(driver)
                versions, specifiers = _window(fleet, driver, package, conflict.target)
                windows.setdefault(versions, []).append((driver, specifiers))
    return Split(
        package=package,
        pairs=tuple((pair.first, pair.second) for pair, _ in found),
        windows=tuple(_merged(versions, sides) for versions, sides in windows.items()),
    )


def _merged(versions: tuple[str, ...], sides: list[tuple[str, tuple[str, ...]]]) -> VersionWindow:
    counted = Counter(specifier for _, specifiers in sides for specifier in specifiers)
    return VersionWindow(
        drivers=tuple(driver for driver, _ in sides),
        specifiers=tuple(counted),
        versions=versions,
    )


def _window(
    fleet: Fleet, driver: str, package: str, target: Target
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The versions that a driver admits on a target, and the specifiers that say so."""
    candidates = fleet.candidates(target)
    locked = fleet.locked_for(driver, target)
    demand = fleet.demand(driver, locked, target)
    full = candidates.full.get(package, 0)
    admitted = demand.needed.get(package, full) & demand.constraints.get(package, full)
    pinned = fleet.side(driver, locked, target).links
    links = [found.link for found in pinned if found.link.package == package]
    links += [link for link in demand.part.constraints if link.package == package]
    links.sort(key=lambda link: (link.mask.bit_count(), len(link.specifier)))
    specifiers = [link.origin or link.specifier for link in links if link.mask & full != full]
    versions = newest_first(candidates.of(package, admitted))
    return (
        tuple(dict.fromkeys(candidate.version for candidate in versions)),
        tuple(dict.fromkeys(specifiers)),
    )
