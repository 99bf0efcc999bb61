"""Who asks for what on one target: requirements with their markers and extras worked out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """One requirement that holds on a target."""

    requirer: str | None
    """The package that asks, or None for the driver itself."""

    package: str
    """The package asked for, normalised."""

    specifier: str
    """The versions asked for, such as `<5,>=4.55.2`; empty for any."""

    extras: tuple[str, ...]
    """The extras asked for, normalised, in order."""


@cache
def parsed(text: str) -> Requirement:
    """Parse a requirement once a process: fleets repeat the same texts thousands of times."""
    return Requirement(text)


def active_edges(
    requires: tuple[str, ...],
    published: Mapping[str, tuple[str, ...]],
    target: Target,
) -> Iterator[Edge]:
    """Every requirement that holds on the target, from the driver's own on.

    `published` gives each locked package's own requirements;
    only packages that something asks for, and only extras that something asks for, bring edges.
    """
    environment = target.marker_environment()
    seen: set[tuple[str | None, str]] = set()
    waiting: list[tuple[str | None, str]] = [(None, "")]
    while waiting:
        requirer, extra = waiting.pop()
        texts = requires if requirer is None else published.get(requirer, ())
        for edge in _edges_of(requirer, extra, texts, environment):
            yield edge
            for wanted in ("", *edge.extras):
                if (edge.package, wanted) not in seen:
                    seen.add((edge.package, wanted))
                    waiting.append((edge.package, wanted))


def _edges_of(
    requirer: str | None, extra: str, texts: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[Edge]:
    """The requirements that hold with one extra (`""` for none) and would not hold without it."""
    for text in texts:
        requirement = parsed(text)
        if not _holds(requirement, environment, extra):
            continue
        if extra and _holds(requirement, environment, ""):
            continue
        yield Edge(
            requirer=requirer,
            package=canonicalize_name(requirement.name),
            specifier=str(requirement.specifier),
            extras=tuple(sorted(map(canonicalize_name, requirement.extras))),
        )


def _holds(requirement: Requirement, environment: Mapping[str, str], extra: str) -> bool:
    if requirement.marker is None:
        return True
    return requirement.marker.evaluate({**environment, "extra": extra})
