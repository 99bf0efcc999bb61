"""The chain from a driver's own line in `drivers.toml` to a requirement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import Cause, Contradiction, Step
from envbuild.conflicts.demand import nodes_of
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.conflicts.candidates import Candidate, Candidates, Link
    from envbuild.conflicts.demand import Side
    from envbuild.declaration.declaration import Declaration


class Chains:
    """Turns the links of a proof into causes for reports."""

    def __init__(
        self, candidates: Candidates, sides: tuple[Side, Side], declaration: Declaration
    ) -> None:
        self._candidates = candidates
        self._sides = sides
        self._declaration = declaration
        self._own = tuple(_own_ways(side) for side in sides)

    def clash(self, links: tuple[Link, ...]) -> Contradiction:
        """The links as causes; each is told from the driver with the fewest causes so far."""
        told: list[int] = []
        causes = []
        for link in links:
            side = self._teller(link, told)
            told.append(side)
            causes.append((side, self._cause(link, side)))
        if len(links) == 1:
            causes += self._bringing(links[0], told[0])
        causes.sort(key=lambda item: item[0])
        return Contradiction(package=_disputed(links), causes=tuple(cause for _, cause in causes))

    def _bringing(self, link: Link, told: int) -> Iterator[tuple[int, Cause]]:
        """The chain to the package, if one requirement excludes every locked version of it."""
        other = 1 - told
        for pinned_link in self._sides[other].links:
            if pinned_link.link.package == link.package and pinned_link.link is not link:
                cause = self._cause(pinned_link.link, other)
                yield other, replace(cause, kind="brings", specifier="")
                return

    def _teller(self, link: Link, told: list[int]) -> int:
        """The driver that the chain starts from: it has the line, or its environment has the link."""
        owners = [side for side in (0, 1) if self._owns(link, side)] or [0, 1]
        return min(owners, key=told.count)

    def _owns(self, link: Link, side: int) -> bool:
        part = self._sides[side].part
        if link.requirer is None:
            return link in part.roots or link in part.constraints
        return self._own[side].get(link.requirer.package, (None,))[-1] is link.requirer

    def _cause(self, link: Link, side: int) -> Cause:
        part = self._sides[side].part
        way, root = self._way(link, side)
        kind = "override" if link.override else "requirement"
        if link in part.constraints:
            kind = "source" if link.origin else "constraint"
        elif not link.mask and not self._candidates.full.get(link.package):
            kind = "missing"
        return Cause(
            driver=part.driver,
            line=line_of(self._declaration, part.driver, root),
            kind=kind,
            steps=tuple(self._step(candidate, side) for candidate in way),
            package=link.package,
            specifier=link.origin or link.specifier,
        )

    def _step(self, candidate: Candidate, side: int) -> Step:
        own = self._sides[side].pins.get(candidate.package) is candidate
        return Step(
            package=candidate.package,
            version=candidate.version,
            locked_by=None if own else candidate.locked_by,
        )

    def _way(self, link: Link, side: int) -> tuple[tuple[Candidate, ...], str]:
        """The candidates on the path to a link, and the text of the driver's first requirement."""
        if link.requirer is None:
            return (), link.text
        if self._owns(link, side):
            way = self._own[side][link.requirer.package]
        else:
            way = self._foreign_way(link.requirer, side)
        for root in self._sides[side].part.roots:
            if way and root.package == way[0].package:
                return way, root.text
        return way, ""

    def _foreign_way(self, wanted: Candidate, side: int) -> tuple[Candidate, ...]:
        """The shortest path to a candidate that the driver could take but does not pin."""
        part, pins = self._sides[side].part, self._sides[side].pins
        waiting: list[tuple[tuple[Candidate, ...], list[Link]]] = [((), list(part.roots))]
        seen = set()
        for way, links in waiting:
            for node in (node for link in links for node in nodes_of(link, part)):
                for candidate in _own_first(self._candidates, node.package, pins):
                    if candidate is wanted:
                        return (*way, candidate)
                    if (node, candidate) not in seen:
                        seen.add((node, candidate))
                        asked = self._candidates.links(candidate, node.extra, part.overrides)
                        waiting.append(((*way, candidate), list(asked)))
        return (wanted,)


def line_of(declaration: Declaration, driver: str, text: str) -> int | None:
    """The line of a driver's requirement, or the driver's own line if it has none."""
    declared = declaration.driver(driver)
    if declared is None:
        return None
    lines = (requirement.line for requirement in declared.all_requires if requirement.text == text)
    return next(lines, declared.line)


def _disputed(links: tuple[Link, ...]) -> str:
    """The package that the links disagree on: the one that most of them require."""
    asked = [link.package for link in links]
    return max(asked, key=lambda package: (asked.count(package), asked.index(package)))


def _own_ways(side: Side) -> dict[str, tuple[Candidate, ...]]:
    """The shortest path to every package that the driver pins, including the package itself."""
    ways: dict[str, tuple[Candidate, ...]] = {}
    for pinned_link in side.links:
        package = pinned_link.link.package
        if package not in ways and package in side.pins:
            before = () if pinned_link.node is None else ways[pinned_link.node.package]
            ways[package] = (*before, side.pins[package])
    return ways


def _own_first(
    candidates: Candidates, package: str, pins: dict[str, Candidate]
) -> Iterator[Candidate]:
    own = pins.get(package)
    if own is not None:
        yield own
    yield from (candidate for candidate in candidates.of(package) if candidate is not own)
