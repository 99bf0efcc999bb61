"""The quick answers: pins of the two drivers that suit both, or packages that can suit neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.demand import nodes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conflicts.candidates import Candidate, Candidates
    from envbuild.conflicts.demand import Demand
    from envbuild.conflicts.propagation import Node, Part

_NONE: frozenset[str] = frozenset()


def agreed_pins(ours: Demand, theirs: Demand) -> dict[str, int] | None:
    """Both drivers' pins together, or None where they do not fit just so.

    Where they pin different candidates, one of the two will do if both drivers admit it:
    then every requirement that holds is one that held in one of the two environments.
    """
    chosen = {**ours.pins, **theirs.pins}
    if not chosen.keys() >= ours.asked.keys() | theirs.asked.keys():
        return None  # a lockfile lacks what it needs
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
    """The packages that both certainly need and of which no candidate suits both, in name order."""
    needed, others = ours.needed, theirs.needed
    disputed = {name for name in needed.keys() & others.keys() if not needed[name] & others[name]}
    for demand, other in ((ours, theirs), (theirs, ours)):
        for name, mask in demand.constraints.items():
            if name in other.needed and not mask & other.needed[name]:
                disputed.add(name)
    return tuple(sorted(disputed))


def needed_pins(
    candidates: Candidates, parts: tuple[Part, ...], pins: Mapping[str, int]
) -> dict[str, Candidate]:
    """Of pins that hold together, those that the parts need, in name order."""
    found: dict[str, Candidate] = {}
    for part in parts:
        seen: set[Node] = set()
        waiting = [node for link in part.roots for node in nodes_of(link, part)]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                candidate = next(candidates.of(node.package, pins[node.package]))
                found[node.package] = candidate
                for link in candidates.links(candidate, node.extra, part.overrides):
                    waiting += nodes_of(link, part)
    return dict(sorted(found.items()))


def _common_choice(ours: Demand, theirs: Demand, name: str, pins: int) -> int:
    """One of the two pins that both admit; 0 where there is none, or where it may bring more with it."""
    if ours.part.overrides != theirs.part.overrides:
        return 0
    if ours.extras.get(name, _NONE) != theirs.extras.get(name, _NONE):
        return 0
    fitting = pins & ours.asked.get(name, -1) & theirs.asked.get(name, -1)
    return ours.pins[name] & fitting or fitting
