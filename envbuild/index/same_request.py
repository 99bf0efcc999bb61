"""Whether a resolver is asked the same for two targets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.requirement.parse import outcomes, settled_requirements
from envbuild.target.platform_range import known_platform
from envbuild.target.target import Target
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.resolution.resolution import ResolveRequest

_QUOTED = re.compile(r"""["']([^"']*)["']""")


def seen_target(target: Target) -> Target:
    """A target as uv sees it, which knows neither variants nor every platform."""
    return Target(python=target.python, platform=known_platform(target.platform))


def compare_requests(before: ResolveRequest, now: ResolveRequest) -> None:
    """ValueError if the requests differ for their targets, or cannot be compared."""
    if now.inherited or now.pins:
        raise ValueError("packages of the host, and pins to keep, are not compared")
    if replace(before, target=now.target, known=(), told=()) != replace(now, known=(), told=()):
        raise ValueError("the requests differ")
    for texts in (now.requires, now.constraints, now.overrides):
        if _judged(texts, before.target) != _judged(texts, now.target):
            raise ValueError("other requirements of the driver hold")
    if _told_to(before) != _told_to(now):
        raise ValueError("other METADATA is told")


def _judged(texts: Iterable[str], target: Target) -> tuple[tuple[object, ...], ...]:
    """The requirements as the resolver gets them, each with whether it holds: without an extra, and with each."""
    seen = seen_target(target)
    found: list[tuple[object, ...]] = []
    for text in settled_requirements(texts, target):
        bare, _, marker = text.partition(";")
        extras = frozenset(_QUOTED.findall(marker)) if "extra" in marker else frozenset[str]()
        found.append((bare.strip(), outcomes(marker.strip(), seen, extras)))
    return tuple(found)


def _told_to(request: ResolveRequest) -> dict[tuple[str, str, bool], tuple[object, ...]]:
    parts = ((request.known, False), (request.told, True))
    return {
        (one.name, one.version, is_told): _judged(one.requires, request.target)
        for packages, is_told in parts
        for one in packages
    }
