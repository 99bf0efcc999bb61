"""Every chain from a driver's own requirements to one of its packages."""

from __future__ import annotations

from functools import cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from envbuild.requirement.parse import parse_requirement, parse_version
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from packaging.specifiers import Specifier
    from packaging.version import Version

    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target

    Chain: TypeAlias = tuple[Edge, ...]
    """A path from a driver's own requirement, the first edge, to the one that requires a package."""

_MOST_CHAINS = 200
"""Dense graphs have thousands of chains; the shortest are enough."""

_MOST_STEPS = 1_000_000
"""The most steps of all chains together."""

MANY = 1_000_000
"""The most chains that are counted."""


@value
class Bound:
    """A requirement on the package, by any chain."""

    requirer: str | None
    """The package that requires it, or None for the driver."""

    specifier: str
    kind: str
    """`requirement`, `override` or `constraint`."""

    binding: str | None
    """`above` or `below` if no other bound is tighter on that side, `both`, or None."""


@value
class Reasons:
    """Why a package is on a target, at this version."""

    target: Target
    version: str
    chains: tuple[Chain, ...]
    """The shortest first."""

    complete: bool
    """Whether these are all chains."""

    further: int | None
    """How many more chains there are, at most `MANY`; None if cycles make them uncountable."""

    bounds: tuple[Bound, ...]
    """Every requirement on it, and the driver's constraints on it."""


def graph_edges(lockfile: Lockfile, target: Target) -> tuple[Edge, ...]:
    """Every requirement between locked packages that holds on a target, each once."""
    locked = lockfile.versions_on(target)
    return tuple(
        dict.fromkeys(edge for edge in lockfile.edges_on(target) if edge.package in locked)
    )


def find_reasons(lockfile: Lockfile, target: Target, package: str) -> Reasons | None:
    """Why the package is on the target; None if it is not."""
    locked = lockfile.versions_on(target)
    if package not in locked:
        return None
    edges = graph_edges(lockfile, target)
    chains, complete = _chains(edges, package)
    return Reasons(
        target=target,
        version=locked[package],
        chains=chains,
        complete=complete,
        further=0 if complete else _further(edges, package, len(chains)),
        bounds=bounds_on(lockfile, edges, package),
    )


def _chains(edges: tuple[Edge, ...], package: str) -> tuple[tuple[Chain, ...], bool]:
    """Chains without a cycle, the shortest first, up to the limit; and whether these are all.

    The distance of every package is known, and the shortest continuation is followed first,
    so a graph with 2^1000 chains takes no longer than one with the few that are shown.
    """
    asked_by: dict[str | None, list[Edge]] = {}
    for edge in edges:
        asked_by.setdefault(edge.requirer, []).append(edge)
    distance = _distances(edges, package)
    found: list[Chain] = []
    waiting: list[tuple[int, tuple[int, ...], Chain]] = [(0, (), ())]
    steps_left = _MOST_STEPS
    while waiting:
        _, way, chain = heappop(waiting)
        last = chain[-1].package if chain else None
        if last == package:
            found.append(chain)
            if len(found) == _MOST_CHAINS:
                return tuple(found), not waiting
            continue
        passed = {edge.package for edge in chain}
        for number, edge in enumerate(asked_by.get(last, ())):
            if edge.package in distance and edge.package not in passed:
                steps_left -= len(chain) + 1
                if steps_left < 0:
                    return tuple(found), False
                length = len(chain) + 1 + distance[edge.package]
                heappush(waiting, (length, (*way, number), (*chain, edge)))
    return tuple(found), True


def _distances(edges: tuple[Edge, ...], package: str) -> dict[str, int]:
    """The smallest number of requirements from each package to this one; includes the package itself."""
    askers: dict[str, set[str]] = {}
    for edge in edges:
        if edge.requirer is not None:
            askers.setdefault(edge.package, set()).add(edge.requirer)
    found = {package: 0}
    waiting = [package]
    for name in waiting:
        for asker in askers.get(name, ()):
            if asker not in found:
                found[asker] = found[name] + 1
                waiting.append(asker)
    return found


def _further(edges: tuple[Edge, ...], package: str, told: int) -> int | None:
    """How many chains there are in addition to those shown; None if cycles make them uncountable.

    A number above `MANY` is returned as `MANY`.
    """
    distance = _distances(edges, package)
    asked_by: dict[str | None, list[str]] = {}
    open_: dict[str, int] = dict.fromkeys(distance, 0)
    for edge in edges:
        if edge.package in distance and edge.requirer != package:
            asked_by.setdefault(edge.requirer, []).append(edge.package)
            open_[edge.package] += edge.requirer is None or edge.requirer in distance
    ways = dict.fromkeys(distance, 0)
    waiting: list[str | None] = [None]
    settled = 0
    while waiting:
        name = waiting.pop()
        settled += 1
        for asked in asked_by.get(name, ()):
            ways[asked] = min(MANY + told, ways[asked] + (1 if name is None else ways[name]))
            open_[asked] -= 1
            if not open_[asked]:
                waiting.append(asked)
    return min(MANY, ways[package] - told) if settled == len(distance) + 1 else None


def bounds_on(lockfile: Lockfile, edges: tuple[Edge, ...], package: str) -> tuple[Bound, ...]:
    """Every requirement on a package among a target's edges, and the driver's constraints on it."""
    asked: list[tuple[str | None, str, str]] = [
        (edge.requirer, edge.specifier, "override" if edge.override else "requirement")
        for edge in edges
        if edge.package == package
    ]
    for text in lockfile.inputs.constraints:
        wanted = parse_requirement(text)
        if wanted.name == package:
            asked.append((None, wanted.specifier, "constraint"))
    above, below = binding_specifiers(specifier for _, specifier, _ in asked if specifier)
    return tuple(
        Bound(
            requirer=requirer,
            specifier=specifier,
            kind=kind,
            binding=_binding(specifier in above, specifier in below),
        )
        for requirer, specifier, kind in dict.fromkeys(asked)
    )


def _binding(above: bool, below: bool) -> str | None:
    if above and below:
        return "both"
    return "above" if above else ("below" if below else None)


def binding_specifiers(specifiers: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The specifiers with the lowest upper bound and those with the highest lower bound.

    Empty if nothing bounds that side; `!=` bounds neither.
    """
    texts = tuple(dict.fromkeys(specifiers))
    uppers = [(text, limit) for text in texts for limit in _upper(text)]
    lowers = [(text, limit) for text in texts for limit in _lower(text)]
    lowest = min((limit for _, limit in uppers), default=None)
    highest = max((limit for _, limit in lowers), default=None)
    return (
        frozenset(text for text, limit in uppers if limit == lowest),
        frozenset(text for text, limit in lowers if limit == highest),
    )


def _upper(text: str) -> Iterator[tuple[Version, bool]]:
    """The upper bounds: a version, and whether it is admitted itself, so that tighter ones are less."""
    for specifier in _clauses(text):
        if specifier.operator in ("<", "<=", "==", "==="):
            if specifier.version.endswith(".*"):
                yield _next_prefix(specifier.version.removesuffix(".*")), False
            else:
                yield parse_version(specifier.version), specifier.operator != "<"
        elif specifier.operator == "~=":
            prefix = specifier.version.rpartition(".")[0]
            yield _next_prefix(prefix), False


def _lower(text: str) -> Iterator[tuple[Version, bool]]:
    """The lower bounds: a version, and whether it is not admitted itself, so that tighter ones are greater."""
    for specifier in _clauses(text):
        if specifier.operator in (">", ">=", "==", "===", "~="):
            version = specifier.version.removesuffix(".*")
            yield parse_version(version), specifier.operator == ">"


def _next_prefix(text: str) -> Version:
    """The first version after a prefix: `1.2` → `1.3`."""
    version = parse_version(text)
    release = (*version.release[:-1], version.release[-1] + 1)
    epoch = f"{version.epoch}!" if version.epoch else ""
    return parse_version(epoch + ".".join(map(str, release)))


@cache
def _clauses(text: str) -> tuple[Specifier, ...]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        found = tuple(SpecifierSet(text))
        for specifier in found:
            parse_version(specifier.version.removesuffix(".*"))
    except (InvalidSpecifier, InvalidVersion):
        return ()
    return found
