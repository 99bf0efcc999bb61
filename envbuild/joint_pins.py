"""The quick answers: pins of the two drivers that suit both, or packages that can suit neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.demand import nodes_of
from envbuild.propagation import Propagation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.candidates import Candidate, Candidates
    from envbuild.demand import Demand
    from envbuild.propagation import Node, Part

_NONE: frozenset[str] = frozenset()


def agreed_pins(ours: Demand, theirs: Demand) -> dict[str, int] | None:
    """Both drivers' pins together, or None where they do not fit just so.

    Where they pin different candidates, one of the two will do if both drivers admit it:
    then every requirement that holds is one that held in one of the two environments.
    """
    chosen = {**ours.pins, **theirs.pins}
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


def greedy_choice(candidates: Candidates, parts: tuple[Part, ...]) -> dict[str, int] | None:
    """The newest candidate of each package in turn that leaves every other one a choice, or None.

    What it finds holds; that it finds nothing proves nothing, for it takes back no choice but the last.
    """
    if len({part.overrides for part in parts}) > 1:
        return None
    choice = _Greedy(candidates, parts, candidates.full)
    if choice.succeeds():
        return choice.pins()
    known = Propagation(candidates, parts)
    if known.empty is not None:
        return None
    choice = _Greedy(candidates, parts, {**candidates.full, **known.domains})
    return choice.pins() if choice.succeeds() else None


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


class _Greedy:
    """Settles one package after the other, with what that asks of the others."""

    def __init__(
        self, candidates: Candidates, parts: tuple[Part, ...], options: dict[str, int]
    ) -> None:
        self._candidates = candidates
        self._parts = parts
        self._overrides = parts[0].overrides
        self._options = dict(options)
        self._needed: dict[str, frozenset[str]] = {}
        """Every package that is asked for, with its extras; a choice that was taken back may leave more."""

        self._trail: list[tuple[str, int]] = []

    def pins(self) -> dict[str, int]:
        """One candidate of every needed package, as its bit."""
        return {name: self._options[name] for name in self._needed}

    def succeeds(self) -> bool:
        """Settle every package that is needed."""
        if not self._admit_lines() or not self._settle(list(self._needed)):
            return False
        waiting = list(self._needed)
        while waiting:
            known = len(self._needed)
            for name in waiting:
                mask = self._options[name]
                if mask & (mask - 1) and not self._decide(name):
                    return False
            waiting = list(self._needed)[known:]
        return True

    def _admit_lines(self) -> bool:
        """Keep to what the drivers' own lines and constraints say."""
        for part in self._parts:
            for link in (*part.constraints, *part.roots):
                mask = self._options.get(link.package, 0) & link.mask
                self._options[link.package] = mask
            for link in part.roots:
                extras = self._needed.get(link.package, _NONE)
                self._needed[link.package] = extras.union(link.extras)
        return all(self._options[name] for name in self._needed)

    def _decide(self, name: str) -> bool:
        """Settle one package on the newest candidate that leads to no contradiction."""
        while not _is_one(self._options[name]):
            before = self._options[name]
            newest = self._candidates.newest(name, before)
            self._trail.clear()
            self._options[name] = newest
            if self._settle([name]):
                return True
            for changed, mask in reversed(self._trail):
                self._options[changed] = mask
            self._options[name] = before & ~newest
            if _is_one(self._options[name]):
                return self._settle([name])
        return True

    def _settle(self, waiting: list[str]) -> bool:
        """Hold every package with one option to what it asks for; False on a contradiction."""
        options, needed = self._options, self._needed
        while waiting:
            name = waiting.pop()
            bit = options[name]
            if bit & (bit - 1):
                continue
            for package, mask, wanted in self._candidates.asks(
                name, bit, needed[name], self._overrides
            ):
                before = options.get(package, 0)
                after = before & mask
                if not after:
                    return False
                known = needed.get(package)
                if after != before:
                    self._trail.append((package, before))
                    options[package] = after
                elif known is not None and wanted <= known:
                    continue
                needed[package] = wanted if known is None else known | wanted
                waiting.append(package)
        return True


def _is_one(mask: int) -> bool:
    return not mask & (mask - 1)
