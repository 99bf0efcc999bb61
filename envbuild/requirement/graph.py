"""The requirements between packages on one target, with markers, extras and overrides evaluated."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from envbuild.requirement.parse import COMPARISON, GIVEN, marker_judge, parse_requirement
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.target.target import Target


@value
class Edge:
    """One requirement that holds on a target."""

    requirer: str | None
    """The package that requires it, or None for the driver."""

    package: str
    """The required package, normalised."""

    specifier: str
    """The required versions, such as `<5,>=4.55.2`; empty for any."""

    extras: tuple[str, ...]
    """The required extras, normalised, in order."""

    text: str
    """The requirement as it was written."""

    override: str | None = None
    """The driver's override that replaces the text, if there is one."""


def active_edges(
    requires: tuple[str, ...],
    published: Mapping[str, tuple[str, ...]],
    target: Target,
    overrides: tuple[str, ...] = (),
) -> Iterator[Edge]:
    """Every requirement that holds on the target, starting with the driver's own.

    `published` gives each locked package's own requirements.
    Only packages and extras that something requires add edges.
    """
    replaced = overrides_by_package(overrides)
    seen: set[tuple[str | None, str]] = set()
    waiting: list[tuple[str | None, str]] = [(None, "")]
    while waiting:
        requirer, extra = waiting.pop()
        texts = requires if requirer is None else published.get(requirer, ())
        for edge in edges_of(requirer, texts, extra, target, replaced):
            yield edge
            for wanted in ("", *edge.extras):
                if (edge.package, wanted) not in seen:
                    seen.add((edge.package, wanted))
                    waiting.append((edge.package, wanted))


def overrides_by_package(overrides: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Each overridden package, and the texts that replace every requirement on it."""
    found: dict[str, tuple[str, ...]] = {}
    for text in overrides:
        name = parse_requirement(text).name
        found[name] = (*found.get(name, ()), text)
    return found


def edges_of(
    requirer: str | None,
    texts: tuple[str, ...],
    extra: str,
    target: Target,
    overrides: Mapping[str, tuple[str, ...]],
) -> Iterator[Edge]:
    """The requirements among some texts that hold with one extra (`""` for none) and would not hold without it.

    An override replaces a requirement on every target, if its extra is requested:
    resolvers put it in place of the whole text, with its marker.
    """
    holds = marker_judge(target)
    for text in texts:
        wanted = parse_requirement(text)
        marker = wanted.marker
        if marker and wanted.name in overrides:
            marker = _extras_alone(marker)
        if not holds(marker, extra):
            continue
        if extra and holds(marker, ""):
            continue
        if wanted.name not in overrides:
            yield _edge(requirer, text)
            continue
        for override in overrides[wanted.name]:
            instead = parse_requirement(override)
            if holds(instead.marker, ""):
                yield _edge(requirer, text, override)


@cache
def _extras_alone(marker: str) -> str:
    """The condition on extras in a marker; all other comparisons count as true."""
    if "extra" not in marker:
        return ""
    from packaging.markers import Marker

    return COMPARISON.sub(
        lambda found: found[0] if "extra" in found[0].split() else GIVEN, str(Marker(marker))
    )


@lru_cache(maxsize=1 << 16)
def _edge(requirer: str | None, text: str, override: str | None = None) -> Edge:
    """One for all targets, which ask for the same ones again and again."""
    wanted = parse_requirement(text if override is None else override)
    return Edge(
        requirer=requirer,
        package=wanted.name,
        specifier=wanted.specifier,
        extras=wanted.extras,
        text=text,
        override=override,
    )
