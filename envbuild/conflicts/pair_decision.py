"""Decide for any two drivers of a fleet whether one interpreter could have both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.candidates import Candidates
from envbuild.conflicts.conflict import (
    Cause,
    Compatible,
    Conflict,
    Contradiction,
    Move,
    Pair,
    PlatformAnswer,
)
from envbuild.conflicts.demand import (
    Side,
    agreed_pins,
    demand_of,
    disputed_packages,
    needed_pins,
    pinned,
)
from envbuild.conflicts.joint_solution import solve
from envbuild.conflicts.limits import Bounds
from envbuild.conflicts.meeting import have_common_variants, meet, shared_platforms, shared_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.conflicts.candidates import Candidate
    from envbuild.conflicts.demand import Demand
    from envbuild.conflicts.meeting import Meeting, Meetings
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


class Fleet:
    """The lockfiles of a fleet, with results that all pairs share.

    The pins of every lockfile are candidates for every pair.
    """

    def __init__(self, lockfiles: Iterable[Lockfile], declaration: Declaration) -> None:
        self.lockfiles: Mapping[str, Lockfile] = {
            lockfile.driver: lockfile for lockfile in lockfiles
        }
        self.declaration = declaration
        self._bounds = Bounds()
        self._candidates: dict[Target, Candidates] = {}
        self._demands: dict[tuple[str, Target, Target], Demand] = {}

    def decide(self, first: str, second: str, *, explain: bool = False) -> Pair:
        """Decide one pair.

        With `explain`, a compatible pair has its pins and a conflict its clashes;
        otherwise both are empty and the answer is quick.
        """
        for candidates in self._candidates.values():
            candidates.steps.allow_more()
        shared = self.shared(first, second)
        self._bounds.spend_answers(len(shared) + 1)
        outcomes = [
            PlatformAnswer(
                platform=meetings.platform,
                variant=meetings.variant,
                answer=self._answer(first, second, meetings, explain),
            )
            for meetings in shared
        ]
        outcomes += self._apart(first, second)
        return Pair(first=first, second=second, outcomes=tuple(outcomes))

    def shared(self, first: str, second: str) -> tuple[Meetings, ...]:
        """The targets that two drivers share."""
        return shared_targets(self.lockfiles[first].targets, self.lockfiles[second].targets)

    def candidates(self, target: Target) -> Candidates:
        """The candidates of a target from the fleet's lockfiles."""
        known = self._candidates.get(target)
        if known is None:
            known = self._candidates[target] = Candidates(
                target, self.lockfiles.values(), self._bounds
            )
        return known

    def demand(self, driver: str, locked: Target, target: Target) -> Demand:
        """What a driver demands on a target, with one of its own targets."""
        key = (driver, locked, target)
        known = self._demands.get(key)
        if known is None:
            lockfile = self.lockfiles[driver]
            known = self._demands[key] = demand_of(lockfile, locked, self.candidates(target))
        return known

    def locked_for(self, driver: str, target: Target) -> Target:
        """The driver's own target for a target; ValueError if it has none."""
        for locked in self.lockfiles[driver].targets:
            met = meet(locked, target)
            if met is not None and met.target == target:
                return locked
        raise ValueError(f"{driver} is not locked for {target}")

    def fit_together(self, drivers: tuple[str, ...], target: Target) -> dict[str, Candidate] | None:
        """One interpreter for several drivers on one target: its packages by name, or None."""
        candidates = self.candidates(target)
        parts = tuple(
            self.demand(driver, self.locked_for(driver, target), target).part for driver in drivers
        )
        pins = solve(candidates, parts)
        return None if pins is None else needed_pins(candidates, parts, pins)

    def prove_alone(self, driver: str) -> tuple[Contradiction, ...]:
        """Why locked versions cannot satisfy a driver on the first target of a variant; empty if they can."""
        from envbuild.conflicts.proof import prove

        first: dict[str | None, Target] = {}
        for target in self.lockfiles[driver].targets:
            first.setdefault(target.variant, target)
        for target in first.values():
            if self.fit_together((driver,), target) is None:
                side = self.side(driver, target, target)
                return prove(self.candidates(target), side, side, self.declaration)[0]
        return ()

    def side(self, driver: str, locked: Target, target: Target) -> Side:
        """A driver with what it pins on a target, with one of its own targets."""
        candidates = self.candidates(target)
        pins = pinned(self.lockfiles[driver], locked, candidates)
        return Side(self.demand(driver, locked, target).part, pins, candidates)

    def _answer(
        self, first: str, second: str, meetings: Meetings, explain: bool
    ) -> Compatible | Conflict:
        """The first Python on which both fit, or the conflict on the one that both prefer."""
        for meeting in meetings.meetings:
            pins = self._fit(first, second, meeting)
            if pins is not None:
                return self._compatible(first, second, meeting, pins if explain else None)
        best = meetings.meetings[0]
        if explain:
            return self._proved(first, second, best)
        disputed = disputed_packages(*self._demands_of(first, second, best))
        return Conflict(target=best.target, packages=disputed, clashes=())

    def _demands_of(self, first: str, second: str, meeting: Meeting) -> tuple[Demand, Demand]:
        return (
            self.demand(first, meeting.first, meeting.target),
            self.demand(second, meeting.second, meeting.target),
        )

    def _fit(self, first: str, second: str, meeting: Meeting) -> Mapping[str, int] | None:
        """Pins that fit both, by the cheapest method first; None if there are none."""
        ours, theirs = self._demands_of(first, second, meeting)
        pins = agreed_pins(ours, theirs)
        if pins is not None:
            return pins
        if disputed_packages(ours, theirs):
            return None
        candidates = self.candidates(meeting.target)
        parts = (ours.part, theirs.part)
        return solve(candidates, parts)

    def _compatible(
        self, first: str, second: str, meeting: Meeting, pins: Mapping[str, int] | None
    ) -> Compatible:
        if pins is None:
            return Compatible(target=meeting.target, pins=())
        parts = tuple(demand.part for demand in self._demands_of(first, second, meeting))
        needed = needed_pins(self.candidates(meeting.target), parts, pins)
        versions = {name: candidate.version for name, candidate in needed.items()}
        return Compatible(
            target=meeting.target,
            pins=tuple(versions.items()),
            moves=self.moves((first, second), versions, meeting.target),
        )

    def moves(
        self, drivers: tuple[str, ...], pins: Mapping[str, str], target: Target
    ) -> tuple[Move, ...]:
        """Pins for several drivers that differ from what each has locked, ordered by name."""
        return tuple(
            Move(
                driver=driver,
                package=package.name,
                locked=package.version,
                version=pins[package.name],
            )
            for driver in drivers
            for package in self.lockfiles[driver].packages_for(self.locked_for(driver, target))
            if pins.get(package.name, package.version) != package.version
        )

    def _proved(self, first: str, second: str, meeting: Meeting) -> Conflict:
        from envbuild.conflicts.proof import prove

        candidates = self.candidates(meeting.target)
        ours, theirs = self._demands_of(first, second, meeting)
        one = self.side(first, meeting.first, meeting.target)
        other = self.side(second, meeting.second, meeting.target)
        clashes, complete = prove(candidates, one, other, self.declaration)
        packages = disputed_packages(ours, theirs) or {clash.package for clash in clashes}
        return Conflict(
            target=meeting.target,
            packages=tuple(sorted(packages)),
            clashes=clashes,
            complete=complete,
        )

    def _apart(self, first: str, second: str) -> tuple[PlatformAnswer, ...]:
        """The conflict of drivers that share no platform, no variant, or no Python on a shared platform."""
        one, other = self.lockfiles[first], self.lockfiles[second]
        platforms = shared_platforms(one.targets, other.targets)
        if not platforms or not have_common_variants(one.targets, other.targets):
            kind = "variant" if platforms else "platform"
            return (PlatformAnswer(platform=None, answer=self._declared_apart(kind, one, other)),)
        met = {meetings.platform for meetings in self.shared(first, second)}
        return tuple(
            PlatformAnswer(platform=platform, answer=self._declared_apart("python", one, other))
            for platform in platforms
            if platform not in met
        )

    def _declared_apart(self, kind: str, *lockfiles: Lockfile) -> Conflict:
        """The Pythons, the platforms, or the variants that each driver declares."""
        from envbuild.conflicts.chain import line_of

        causes = tuple(
            Cause(
                driver=lockfile.driver,
                line=line_of(self.declaration, lockfile.driver, ""),
                kind=kind,
                steps=(),
                package=kind,
                specifier=", ".join(_declared(kind, lockfile)),
            )
            for lockfile in lockfiles
        )
        clash = Contradiction(package=kind, causes=causes)
        return Conflict(target=None, packages=(kind,), clashes=(clash,))


def _declared(kind: str, lockfile: Lockfile) -> tuple[str, ...]:
    """The names of what a driver declares of a kind."""
    if kind == "variant":
        return tuple(variant.name for variant in lockfile.inputs.variants)
    if kind == "python":
        return tuple(dict.fromkeys(target.python for target in lockfile.targets))
    return lockfile.inputs.platforms
