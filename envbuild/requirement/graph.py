"""Who asks for what on one target: requirements with their markers, extras and overrides worked out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from envbuild.requirement.parse import (
    COMPARISON,
    GIVEN,
    PublishedRequirement,
    holds,
    parse_requirement,
)
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.target.target import Target


@value
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

    text: str
    """The requirement as whoever asks wrote it."""

    override: str | None = None
    """The driver's override that stands in for the text, where one does."""


@value
class Asking:
    """A requirement text that holds, and the override that stands in for it."""

    wanted: PublishedRequirement
    text: str
    override: str | None


def active_edges(
    requires: tuple[str, ...],
    published: Mapping[str, tuple[str, ...]],
    target: Target,
    overrides: tuple[str, ...] = (),
) -> Iterator[Edge]:
    """Every requirement that holds on the target, from the driver's own on.

    `published` gives each locked package's own requirements;
    only packages that something asks for, and only extras that something asks for, bring edges.
    """
    replaced = overrides_by_package(overrides)
    seen: set[tuple[str | None, str]] = set()
    waiting: list[tuple[str | None, str]] = [(None, "")]
    while waiting:
        requirer, extra = waiting.pop()
        texts = requires if requirer is None else published.get(requirer, ())
        for asking in askings(texts, extra, target, replaced):
            yield _edge(requirer, asking)
            for wanted in ("", *asking.wanted.extras):
                if (asking.wanted.name, wanted) not in seen:
                    seen.add((asking.wanted.name, wanted))
                    waiting.append((asking.wanted.name, wanted))


def overrides_by_package(overrides: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Each overridden package, and the texts that stand in for every requirement on it."""
    found: dict[str, tuple[str, ...]] = {}
    for text in overrides:
        name = parse_requirement(text).name
        found[name] = (*found.get(name, ()), text)
    return found


def askings(
    texts: tuple[str, ...],
    extra: str,
    target: Target,
    overrides: Mapping[str, tuple[str, ...]],
) -> Iterator[Asking]:
    """The requirements that hold with one extra (`""` for none) and would not hold without it.

    An override stands in for a requirement wherever its extra is asked for, on every target:
    resolvers put it in place of the whole text, marker included.
    """
    for text in texts:
        wanted = parse_requirement(text)
        marker = wanted.marker
        if marker and wanted.name in overrides:
            marker = _extras_alone(marker)
        if not holds(marker, target, extra):
            continue
        if extra and holds(marker, target):
            continue
        if wanted.name not in overrides:
            yield Asking(wanted=wanted, text=text, override=None)
            continue
        for override in overrides[wanted.name]:
            instead = parse_requirement(override)
            if holds(instead.marker, target):
                yield Asking(wanted=instead, text=text, override=override)


@cache
def _extras_alone(marker: str) -> str:
    """A marker's demands on extras, everything else taken as given."""
    if "extra" not in marker:
        return ""
    from packaging.markers import Marker

    return COMPARISON.sub(
        lambda found: found[0] if "extra" in found[0].split() else GIVEN, str(Marker(marker))
    )


def _edge(requirer: str | None, asking: Asking) -> Edge:
    return Edge(
        requirer=requirer,
        package=asking.wanted.name,
        specifier=asking.wanted.specifier,
        extras=asking.wanted.extras,
        text=asking.text,
        override=asking.override,
    )
