"""Why two drivers cannot share an interpreter: the fewest requirements that prove it, with their chains."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from envbuild.conflicts.chain import Chains
from envbuild.conflicts.joint_solution import solve
from envbuild.conflicts.propagation import Propagation, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.conflicts.candidates import Candidates, Link
    from envbuild.conflicts.conflict import Contradiction
    from envbuild.conflicts.demand import Side
    from envbuild.conflicts.propagation import DriverPart
    from envbuild.declaration.declaration import Declaration

_MOST_CLASHES = 24
"""If a pair has more, the rest is left out and the list says so."""

_MOST_PAIRS = 400
"""So many pairs of requirements are tried before a larger proof is searched."""


def prove(
    candidates: Candidates, first: Side, second: Side, declaration: Declaration
) -> tuple[tuple[Contradiction, ...], bool]:
    """Clashes until nothing else separates the drivers, and whether the list is complete.

    Each clash is minimal: its causes contradict each other, and without any one of them they do not.
    If there is only one clash, the pair is compatible without any one of its causes.
    """
    proof = _Proof(candidates, first, second)
    chains = Chains(candidates, (first, second), declaration)
    clashes = [chains.clash(links) for links in islice(proof.clashes(), _MOST_CLASHES + 1)]
    return tuple(clashes[:_MOST_CLASHES]), len(clashes) <= _MOST_CLASHES


class _Proof:
    def __init__(self, candidates: Candidates, first: Side, second: Side) -> None:
        self._candidates = candidates
        self._sides = (first, second)
        self._parts = (first.part, second.part)
        self._links, self._askers = _reachable(candidates, self._parts)
        self._pairs = tuple(self._disjoint_pairs())

    def clashes(self) -> Iterator[tuple[Link, ...]]:
        """Minimal sets of links that contradict each other, each without the links of the earlier sets."""
        kept = set(self._links)
        found = 0
        last: tuple[Link, ...] = ()
        while clash := self._next(kept):
            yield clash
            found += 1
            last = clash
            kept -= set(clash)
            if all(link.package not in self._candidates.full for link in clash):
                return  # no lockfile has the package
        if found == 1:
            yield from self._rivals(last)

    def _rivals(self, only: tuple[Link, ...]) -> Iterator[tuple[Link, ...]]:
        """Clashes that share a link with the only one, and remain without another of its links."""
        named = set(only)
        for dropped in only:
            rival = self._next(set(self._links) - {dropped})
            if rival and not named.issuperset(rival):
                named.update(rival)
                yield rival

    def _next(self, kept: set[Link]) -> tuple[Link, ...]:
        if self._solvable(kept):
            return ()
        for pair in self._pairs:
            if kept.issuperset(pair) and not self._solvable(pair):
                return next(((link,) for link in pair if not self._solvable((link,))), pair)
        return self._minimal(self._core(kept))

    def _solvable(self, links: Iterable[Link]) -> bool:
        return solve(self._candidates, self._parts, scope=self._scope(links)) is not None

    def _scope(self, links: Iterable[Link]) -> Scope:
        """The links, and every package that can add one of them to an environment."""
        kept = frozenset(links)
        packages: set[str] = set()
        waiting = [link.package for link in kept]
        waiting += [link.requirer.package for link in kept if link.requirer is not None]
        while waiting:
            package = waiting.pop()
            if package not in packages:
                packages.add(package)
                waiting += self._askers.get(package, ())
        return Scope(links=kept, packages=packages)

    def _disjoint_pairs(self) -> Iterator[tuple[Link, Link]]:
        """Requirements of both drivers on one package that no candidate satisfies; the shortest chains first."""
        ours, theirs = (_by_package(side) for side in self._sides)
        found = [
            (near + far, package, one, other)
            for package in sorted(ours.keys() & theirs.keys())
            for near, one in ours[package]
            for far, other in theirs[package]
            if not one.mask & other.mask and one is not other
        ]
        found.sort(key=lambda item: item[:2])
        return ((one, other) for _, _, one, other in found[:_MOST_PAIRS])

    def _core(self, kept: set[Link]) -> tuple[Link, ...]:
        """Links that certainly contain a clash: those that led to the empty domain, if there is one."""
        known = Propagation(self._candidates, self._parts, self._scope(kept))
        if known.empty is None:
            return tuple(kept)
        packages: set[str] = set()
        waiting = [known.empty]
        while waiting:
            package = waiting.pop()
            if package not in packages:
                packages.add(package)
                waiting += known.led_by.get(package, ())
        led = {link for package in packages for link in known.because.get(package, ())}
        return tuple(led) if not self._solvable(led) else tuple(kept)

    def _minimal(self, core: tuple[Link, ...]) -> tuple[Link, ...]:
        """Drop links, the deepest first and many at once, until each is needed."""
        order = {link: place for place, link in enumerate(self._links)}
        links = sorted(core, key=lambda link: order.get(link, 0), reverse=True)
        size = len(links)
        while size:
            start = 0
            while start < len(links):
                rest = links[:start] + links[start + size :]
                if self._solvable(rest):
                    start += size
                else:
                    links = rest
            size //= 2
        return tuple(reversed(links)) or core[:1]


def _by_package(side: Side) -> dict[str, list[tuple[int, Link]]]:
    """Every requirement in the driver's own environment, with its distance from the driver's line."""
    found: dict[str, list[tuple[int, Link]]] = {}
    depths: dict[str, int] = {}
    for pinned_link in side.links:
        depth = 0 if pinned_link.node is None else depths[pinned_link.node.package] + 1
        depths.setdefault(pinned_link.link.package, depth)
        found.setdefault(pinned_link.link.package, []).append((depth, pinned_link.link))
    for link in side.part.constraints:
        found.setdefault(link.package, []).append((0, link))
    return found


def _reachable(
    candidates: Candidates, parts: tuple[DriverPart, ...]
) -> tuple[tuple[Link, ...], dict[str, set[str]]]:
    """Every requirement that any choice could have, the nearest first, and which candidates require each package."""
    from envbuild.conflicts.demand import nodes_of

    links: dict[Link, None] = {}
    askers: dict[str, set[str]] = {}
    for part in parts:
        links.update(dict.fromkeys((*part.roots, *part.constraints)))
        waiting = [node for link in part.roots for node in nodes_of(link, part)]
        seen = set(waiting)
        for node in waiting:
            for candidate in candidates.of(node.package):
                for link in candidates.links(candidate, node.extra, part.overrides):
                    links[link] = None
                    askers.setdefault(link.package, set()).add(node.package)
                    fresh = [wanted for wanted in nodes_of(link, part) if wanted not in seen]
                    seen.update(fresh)
                    waiting += fresh
    return tuple(links), askers
