"""What one driver demands of an interpreter that it would share, worked out once for all its pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.propagation import Node, Part, Propagation
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.conflicts.candidates import Candidate, Candidates, Link
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


@value
class Demand:
    """One driver on one target, in sums of bits (see `candidates.Candidate.bit`)."""

    part: Part
    pins: dict[str, int]
    """The one candidate that the lockfile pins of each package."""

    asked: dict[str, int]
    """What the driver, with all its pins, admits of each of its packages."""

    extras: dict[str, frozenset[str]]
    """The extras that are asked for of each package, where there are any."""

    needed: dict[str, int]
    """What the driver admits of the packages that it cannot do without, whatever else is chosen."""

    constraints: dict[str, int]
    """What the driver's constraints admit of each package they name."""


@value
class PinnedLink:
    """A requirement in a driver's own environment."""

    node: Node | None
    """The package (with the extra) that asks, or None for the driver's own line."""

    link: Link


def demand_of(lockfile: Lockfile, locked: Target, candidates: Candidates) -> Demand:
    """What the driver demands on the candidates' target, given which of its own targets it brings."""
    part = part_of(lockfile, candidates)
    pins = pinned(lockfile, locked, candidates)
    asked: dict[str, int] = {}
    extras: dict[str, frozenset[str]] = {}
    for pinned_link in pinned_links(part, pins, candidates):
        link = pinned_link.link
        asked[link.package] = asked.get(link.package, -1) & link.mask
        if link.extras:
            extras[link.package] = extras.get(link.package, frozenset()) | frozenset(link.extras)
    known = Propagation(candidates, (part,))
    return Demand(
        part=part,
        pins={name: candidate.bit for name, candidate in pins.items()},
        asked=asked,
        extras=extras,
        needed={node.package: known.domains[node.package] for node in known.needed},
        constraints=_constraint_masks(part),
    )


def part_of(lockfile: Lockfile, candidates: Candidates) -> Part:
    """What a driver's own lines, constraints and overrides are on the candidates' target."""
    inputs = lockfile.inputs
    return Part(
        driver=lockfile.driver,
        overrides=inputs.overrides,
        roots=candidates.root_links(inputs.requires, inputs.overrides),
        constraints=candidates.root_links(inputs.constraints, ()),
    )


def pinned(lockfile: Lockfile, locked: Target, candidates: Candidates) -> dict[str, Candidate]:
    """The candidate that the lockfile pins of each package on one of its targets."""
    return {package.name: candidates.find(package) for package in lockfile.packages_for(locked)}


def pinned_links(
    part: Part, pins: dict[str, Candidate], candidates: Candidates
) -> Iterator[PinnedLink]:
    """Every requirement that holds in the driver's own environment, from its own lines on."""
    yield from (PinnedLink(node=None, link=link) for link in part.roots)
    seen: set[Node] = set()
    waiting = [node for link in part.roots for node in nodes_of(link, part)]
    while waiting:
        node = waiting.pop(0)
        if node in seen or node.package not in pins:
            continue
        seen.add(node)
        for link in candidates.links(pins[node.package], node.extra, part.overrides):
            yield PinnedLink(node=node, link=link)
            waiting += nodes_of(link, part)


def nodes_of(link: Link, part: Part) -> list[Node]:
    """The package and the extras that a requirement asks for."""
    return [Node(link.package, extra, part.overrides) for extra in ("", *link.extras)]


def _constraint_masks(part: Part) -> dict[str, int]:
    masks: dict[str, int] = {}
    for link in part.constraints:
        masks[link.package] = masks.get(link.package, -1) & link.mask
    return masks
