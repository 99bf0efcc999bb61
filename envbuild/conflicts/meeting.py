"""The interpreters and platforms that two lockfiles have in common."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from envbuild.target.target import Platform, Target
from envbuild.value import value

Targets: TypeAlias = "tuple[Target, ...]"
"""The targets of one lockfile, in its order of preference."""


@value
class Meeting:
    """A target for two lockfiles, and the own target of each."""

    target: Target
    first: Target
    second: Target


@value
class Meetings:
    """The meetings on one platform; the Python that both prefer comes first."""

    platform: Platform
    meetings: tuple[Meeting, ...]
    variant: str | None = None
    """The variant that both or one of them are locked for."""


@cache
def shared_targets(first: Targets, second: Targets) -> tuple[Meetings, ...]:
    """Every platform of both lockfiles, with the Pythons of both.

    Empty if they share no platform or, on every shared one, no Python.
    Of two versions of a system library the newer is used: wheels for the older run there.
    """
    found: dict[tuple[Platform, str | None], list[Meeting]] = {}
    for one in first:
        for other in second:
            meeting = meet(one, other)
            if meeting is not None:
                target = meeting.target
                found.setdefault((target.platform, target.variant), []).append(meeting)
    return tuple(
        Meetings(platform=platform, meetings=_by_liking(meetings, first, second), variant=variant)
        for (platform, variant), meetings in found.items()
    )


def meet(first: Target, second: Target) -> Meeting | None:
    """The target that serves both, or None.

    Variants are compared with those of the same name; a driver without variants meets all of the other's.
    """
    if not alike(first, second):
        return None
    python = _meet_python(first.python, second.python)
    platform = _meet_platform(first.platform, second.platform)
    if python is None or platform is None:
        return None
    variant = first.variant or second.variant
    target = Target(python=python, platform=platform, variant=variant)
    return Meeting(target=target, first=first, second=second)


@cache
def have_common_variants(first: Targets, second: Targets) -> bool:
    """Whether both have a variant of one name, or one of them has no variants."""
    return any(alike(one, other) for one in first for other in second)


@cache
def shared_platforms(first: Targets, second: Targets) -> tuple[Platform, ...]:
    """The platforms of both lists, regardless of Pythons."""
    found: dict[Platform, None] = {}
    for one in first:
        for other in second:
            platform = _meet_platform(one.platform, other.platform)
            if platform is not None:
                found[platform] = None
    return tuple(found)


def alike(first: Target, second: Target) -> bool:
    """Whether two targets are for variants of one name, or one of them is for no variant."""
    return None in (first.variant, second.variant) or first.variant == second.variant


def _meet_python(first: str, second: str) -> str | None:
    """The more exact of two requests, if the other includes it."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    return longer if longer == shorter or longer.startswith(f"{shorter}.") else None


def _meet_platform(first: Platform, second: Platform) -> Platform | None:
    if (first.arch, first.system) != (second.arch, second.system):
        return None
    return max(first, second, key=lambda platform: platform.version)


def _by_liking(meetings: list[Meeting], first: Targets, second: Targets) -> tuple[Meeting, ...]:
    """Ordered by both preferences: the sum of the two positions."""
    places = {target: place for place, target in enumerate(first)}
    others = {target: place for place, target in enumerate(second)}
    return tuple(
        sorted(meetings, key=lambda meeting: places[meeting.first] + others[meeting.second])
    )
