"""Choose candidates for several drivers without search: a result is right, but it may miss one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conflicts.candidates import Ask, Candidates, Link
    from envbuild.conflicts.propagation import DriverPart, Propagation, Scope

_NONE: frozenset[str] = frozenset()

_PLAIN_STARTS = 3
_CAREFUL_STARTS = 6
"""A start takes half a millisecond for two drivers of 150 packages; nearly all pairs need one."""


class CandidateView:
    """The requirements of the candidates, under overrides that all drivers share."""

    def __init__(self, candidates: Candidates, overrides: tuple[str, ...]) -> None:
        self._candidates = candidates
        self._overrides = overrides
        self.full: Mapping[str, int] = candidates.full

    def newest(self, package: str, mask: int) -> int:
        """The bit of the newest of some of the package's candidates."""
        return self._candidates.newest(package, mask)

    def mask(self, link: Link) -> int:
        """The candidates that a requirement admits."""
        return link.mask

    def roots(self, part: DriverPart) -> tuple[Link, ...]:
        """A driver's own requirements."""
        return part.roots

    def asks(self, package: str, bit: int, extras: frozenset[str]) -> tuple[Ask, ...]:
        """A candidate's requirements with all of some extras."""
        return self._candidates.asks(package, bit, extras, self._overrides)

    def unserved(self, package: str, left: int) -> tuple[tuple[str, int], ...]:
        """The candidates that require a package and admit none of the remaining candidates, as package and bits."""
        return self._candidates.unserved(package, left, self._overrides)


class ScopedView(CandidateView):
    """The same if only some requirements bind, and only some packages matter."""

    def __init__(self, candidates: Candidates, overrides: tuple[str, ...], scope: Scope) -> None:
        super().__init__(candidates, overrides)
        self._scope = scope
        self._askers: dict[str, list[Link]] = {}
        for link in scope.links:
            asker = link.requirer
            if asker is not None and link in candidates.links(asker, "", overrides):
                self._askers.setdefault(link.package, []).append(link)

    def mask(self, link: Link) -> int:
        """The candidates that a requirement admits; all if it does not bind."""
        return link.mask if link in self._scope.links else self.full.get(link.package, 0)

    def roots(self, part: DriverPart) -> tuple[Link, ...]:
        """A driver's own requirements on packages that matter."""
        return tuple(link for link in part.roots if link.package in self._scope.packages)

    def asks(self, package: str, bit: int, extras: frozenset[str]) -> tuple[Ask, ...]:
        """A candidate's requirements on packages that matter."""
        candidate = next(self._candidates.of(package, bit))
        return tuple(
            (link.package, self.mask(link), frozenset(link.extras))
            for extra in ("", *sorted(extras))
            for link in self._candidates.links(candidate, extra, self._overrides)
            if link.package in self._scope.packages
        )

    def unserved(self, package: str, left: int) -> tuple[tuple[str, int], ...]:
        """The candidates with a binding requirement on a package that admit none of the remaining candidates."""
        found: dict[str, int] = {}
        for link in self._askers.get(package, ()):
            if link.requirer is not None and not link.mask & left:
                asker = link.requirer
                found[asker.package] = found.get(asker.package, 0) | asker.bit
        return tuple(found.items())


def choose_plainly(view: CandidateView, parts: tuple[DriverPart, ...]) -> dict[str, int] | None:
    """The newest candidate of each package in turn that leaves every other package a choice, or None."""
    return _choose(view, parts, _Start(options=view.full, needed={}, starts=_PLAIN_STARTS))


def choose_carefully(
    view: CandidateView, parts: tuple[DriverPart, ...], known: Propagation
) -> dict[str, int] | None:
    """The same from the propagation's result, starting with the package with the fewest candidates.

    Candidates that require a removed candidate are removed at once.
    """
    needed: dict[str, frozenset[str]] = {}
    for node in sorted(known.needed):
        extras = needed.get(node.package, _NONE)
        needed[node.package] = extras | {node.extra} if node.extra else extras
    start = _Start(
        options={**view.full, **known.domains}, needed=needed, starts=_CAREFUL_STARTS, careful=True
    )
    return _choose(view, parts, start)


@value
class _Start:
    """The start of a choice."""

    options: Mapping[str, int]
    """The candidates of each package that may be chosen."""

    needed: Mapping[str, frozenset[str]]
    """The packages that are known to be required, with their extras."""

    starts: int
    """How often the choice is tried, each time with another package first."""

    careful: bool = False
    """Whether candidates that require a removed candidate are removed at once."""


def _choose(
    view: CandidateView, parts: tuple[DriverPart, ...], start: _Start
) -> dict[str, int] | None:
    """Start again, a few times, with the package first that had no candidate left."""
    first: list[str] = []
    for _ in range(start.starts):
        choice = _Choice(view, parts, start, tuple(first))
        if choice.succeeds():
            return choice.pins()
        if choice.stuck is None:
            return None
        if choice.stuck in first:
            first.remove(choice.stuck)
        first.insert(0, choice.stuck)
    return None


class _Choice:
    """Decides one package after the other, with its requirements on others."""

    def __init__(
        self,
        view: CandidateView,
        parts: tuple[DriverPart, ...],
        start: _Start,
        first: tuple[str, ...],
    ) -> None:
        self._view = view
        self._parts = parts
        self._options = dict(start.options)
        self._needed = dict(start.needed)
        """Every required package, with its extras."""

        self._careful = start.careful
        self._first = first
        self._trail: list[tuple[str, int]] = []
        self._asked: list[tuple[str, frozenset[str] | None]] = []
        self.stuck: str | None = None
        """The package that had no candidate left, if that was the failure."""

    def pins(self) -> dict[str, int]:
        """One candidate of every required package, as its bit."""
        return {name: self._options[name] for name in self._needed}

    def succeeds(self) -> bool:
        """Decide every required package."""
        if not self._admit_lines() or not self._settle(list(self._needed)):
            return False
        return self._settle_fewest_first() if self._careful else self._settle_in_order()

    def _settle_in_order(self) -> bool:
        waiting = list(self._needed)
        while waiting:
            known = len(self._needed)
            for name in waiting:
                if self._first and not self._decide_first():
                    return False
                mask = self._options[name]
                if mask & (mask - 1) and not self._decide(name):
                    return False
            waiting = list(self._needed)[known:]
        return True

    def _settle_fewest_first(self) -> bool:
        options = self._options
        while self._decide_first():
            fewest, name = 1 << 30, None
            for package in self._needed:
                mask = options[package]
                if mask & (mask - 1) and mask.bit_count() < fewest:
                    fewest, name = mask.bit_count(), package
            if name is None:
                return True
            if not self._decide(name):
                return False
        return False

    def _decide_first(self) -> bool:
        """Decide packages that failed in earlier starts as soon as they are required."""
        return all(self._decide(name) for name in self._first if name in self._needed)

    def _admit_lines(self) -> bool:
        """Apply the drivers' own requirements and constraints."""
        for part in self._parts:
            for link in (*part.constraints, *self._view.roots(part)):
                mask = self._options.get(link.package, 0) & self._view.mask(link)
                self._options[link.package] = mask
            for link in self._view.roots(part):
                extras = self._needed.get(link.package, _NONE)
                self._needed[link.package] = extras.union(link.extras)
        return all(self._options[name] for name in self._needed)

    def _decide(self, name: str) -> bool:
        """Decide one package: the newest candidate without a contradiction."""
        options = self._options
        mask = options[name]
        if not mask & (mask - 1):
            return True
        while mask:
            newest = self._view.newest(name, mask)
            self._trail.clear()
            self._asked.clear()
            options[name] = newest
            if self._follow([name]):
                return True
            self._take_back()
            mask &= ~newest
        self.stuck = name
        return False

    def _take_back(self) -> None:
        """Undo a choice with its consequences; the next choice follows its own."""
        for changed, before in reversed(self._trail):
            self._options[changed] = before
        for package, extras in reversed(self._asked):
            if extras is None:
                del self._needed[package]
            else:
                self._needed[package] = extras

    def _follow(self, waiting: list[str]) -> bool:
        if self._careful and not self._take_out(waiting[:], waiting):
            return False
        return self._settle(waiting)

    def _settle(self, waiting: list[str]) -> bool:
        """Apply the requirements of every package with one candidate; False on a contradiction."""
        options, needed, asks = self._options, self._needed, self._view.asks
        while waiting:
            name = waiting.pop()
            bit = options[name]
            if bit & (bit - 1):
                continue
            if not bit:
                return False
            for package, mask, wanted in asks(name, bit, needed[name]):
                before = options.get(package, 0)
                after = before & mask
                if not after:
                    return False
                known = needed.get(package)
                if after == before and known is not None and wanted <= known:
                    continue
                self._asked.append((package, known))
                needed[package] = wanted if known is None else known | wanted
                waiting.append(package)
                if after != before:
                    self._trail.append((package, before))
                    options[package] = after
                    if self._careful and not self._take_out([package], waiting):
                        return False
        return True

    def _take_out(self, narrowed: list[str], waiting: list[str]) -> bool:
        """Remove every candidate that requires a removed one; False if a required package has none left."""
        options = self._options
        while narrowed:
            name = narrowed.pop()
            for asker, bits in self._view.unserved(name, options[name]):
                known = options[asker]
                if not known & bits:
                    continue
                self._trail.append((asker, known))
                options[asker] = known & ~bits
                narrowed.append(asker)
                if asker in self._needed:
                    if not options[asker]:
                        return False
                    waiting.append(asker)
        return True
