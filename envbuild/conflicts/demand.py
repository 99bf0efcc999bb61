"""What a driver demands of a shared interpreter, and quick answers from two demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.candidates import Node
from envbuild.conflicts.propagation import DriverPart, Propagation
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.conflicts.candidates import Candidate, Candidates, Link
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


_NONE: frozenset[str] = frozenset()


@value
class Demand:
    """A driver on one target, in sums of bits (see `candidates.Candidate.bit`)."""

    part: DriverPart
    pins: dict[str, int]
    """The candidate of each package that the lockfile pins."""

    asked: dict[str, int]
    """The candidates of each package that the driver, with all its pins, admits."""

    extras: dict[str, frozenset[str]]
    """The requested extras of each package, if there are any."""

    needed: dict[str, int]
    """The candidates of the packages that the driver needs in any case."""

    constraints: dict[str, int]
    """The candidates of each package that the driver's constraints admit."""


@value
class PinnedLink:
    """A requirement in a driver's own environment."""

    node: Node | None
    """The package (with the extra) that requires it, or None for the driver's own line."""

    link: Link


class Side:
    """A driver of the pair, with the candidates that its lockfile pins."""

    def __init__(
        self, part: DriverPart, pins: dict[str, Candidate], candidates: Candidates
    ) -> None:
        self.part = part
        self.pins = pins
        self.links = tuple(pinned_links(part, pins, candidates))


def demand_of(lockfile: Lockfile, locked: Target, candidates: Candidates) -> Demand:
    """The driver's demand on the candidates' target, for one of its own targets."""
    part = part_of(lockfile, locked, candidates)
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


def part_of(lockfile: Lockfile, locked: Target, candidates: Candidates) -> DriverPart:
    """A driver's requirements, constraints and overrides on the candidates' target."""
    inputs = lockfile.inputs
    return DriverPart(
        driver=lockfile.driver,
        overrides=inputs.overrides,
        roots=candidates.root_links(inputs.requires_on(locked), inputs.overrides),
        constraints=candidates.constraint_links(lockfile, locked),
    )


def pinned(lockfile: Lockfile, locked: Target, candidates: Candidates) -> dict[str, Candidate]:
    """The candidate of each package that the lockfile pins on one of its targets."""
    return {package.name: candidates.find(package) for package in lockfile.packages_for(locked)}


def pinned_links(
    part: DriverPart, pins: dict[str, Candidate], candidates: Candidates
) -> Iterator[PinnedLink]:
    """Every requirement that holds in the driver's own environment, starting with its own lines."""
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


def nodes_of(link: Link, part: DriverPart) -> list[Node]:
    """The package and the extras of a requirement."""
    return [Node(link.package, extra, part.overrides) for extra in ("", *link.extras)]


def _constraint_masks(part: DriverPart) -> dict[str, int]:
    masks: dict[str, int] = {}
    for link in part.constraints:
        masks[link.package] = masks.get(link.package, -1) & link.mask
    return masks


def agreed_pins(ours: Demand, theirs: Demand) -> dict[str, int] | None:
    """The pins of both drivers together, or None if they do not fit without a search.

    If they pin different candidates, one is taken that both drivers admit:
    then every requirement that holds is one that held in one of the two environments.
    """
    chosen = {**ours.pins, **theirs.pins}
    if not chosen.keys() >= ours.asked.keys() | theirs.asked.keys():
        return None  # a lockfile lacks a required package
    for name in ours.pins.keys() & theirs.pins.keys():
        pin, other = ours.pins[name], theirs.pins[name]
        if pin != other:
            choice = _common_choice(ours, theirs, name, pin | other)
            if not choice:
                return None
            chosen[name] = choice
    for demand in (ours, theirs):
        for name, mask in demand.constraints.items():
            if name in chosen and not chosen[name] & mask:
                return None
    return chosen


def disputed_packages(ours: Demand, theirs: Demand) -> tuple[str, ...]:
    """The packages that both need and that have no candidate for both, ordered by name."""
    needed, others = ours.needed, theirs.needed
    disputed = {name for name in needed.keys() & others.keys() if not needed[name] & others[name]}
    for demand, other in ((ours, theirs), (theirs, ours)):
        for name, mask in demand.constraints.items():
            if name in other.needed and not mask & other.needed[name]:
                disputed.add(name)
    return tuple(sorted(disputed))


def needed_pins(
    candidates: Candidates, parts: tuple[DriverPart, ...], pins: Mapping[str, int]
) -> dict[str, Candidate]:
    """From pins that fit together, those that the parts need, ordered by name."""
    chosen = {name: next(candidates.of(name, bit)) for name, bit in pins.items() if bit}
    links = (found.link for part in parts for found in pinned_links(part, chosen, candidates))
    return {name: chosen[name] for name in sorted({link.package for link in links})}


def _common_choice(ours: Demand, theirs: Demand, name: str, pins: int) -> int:
    """One of the two pins that both admit; 0 if there is none, or if it may add requirements."""
    if ours.part.overrides != theirs.part.overrides:
        return 0
    if ours.extras.get(name, _NONE) != theirs.extras.get(name, _NONE):
        return 0
    fitting = pins & ours.asked.get(name, -1) & theirs.asked.get(name, -1)
    return ours.pins[name] & fitting or fitting
