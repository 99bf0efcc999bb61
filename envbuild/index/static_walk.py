"""Follow requirements through pages and METADATA to find packages without a wheel; no code of a package runs.

This is no resolution: of each package it takes the locked version if that still fits, else the newest
that the target can take, and it stops after a limited number of pages.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envbuild.errors import EnvbuildError
from envbuild.index.page_versions import PageVersions, versions_on_page
from envbuild.index.source_metadata import source_requires
from envbuild.lockfile.warnings import SOURCE
from envbuild.posix.workers import side_by_side
from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, holds, parse_requirement
from envbuild.resolution.resolution import ResolvedFile
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.version import Version

    from envbuild.index.metadata import MetadataReader
    from envbuild.lockfile.lockfile import LockedPackage
    from envbuild.resolution.resolution import ResolveRequest

_ROUNDS = 25
_SIDE_BY_SIDE = 16
_PATIENCE = 30.0
"""Seconds after which no further page is requested from a slow index."""


@value
class Taken:
    """The choice of a walk for one package."""

    requires: tuple[str, ...] = ()
    obstacle: str | None = None
    """Why nothing in its range can be taken, one of `REASONS`."""


class StaticWalk:
    """A walk for one request."""

    def __init__(
        self,
        reader: MetadataReader,
        request: ResolveRequest,
        *,
        locked: Mapping[str, LockedPackage] | None = None,
        most_pages: int = 150,
    ) -> None:
        """`locked` is preferred, and known without a request."""
        self._reader = reader
        self._locations = reader.locations.view(request.indexes)
        self._request, self._locked = request, locked or {}
        self._left = most_pages
        self._until = time.monotonic() + _PATIENCE
        self._pages: dict[str, PageVersions | None] = {}
        self._taken: dict[str, tuple[frozenset[str], Taken]] = {}

    def listed_versions(self, package: str) -> PageVersions | None:
        """The versions of a package on its index; None if unknown."""
        if package not in self._pages:
            self._pages[package] = None
            with suppress(EnvbuildError, ValueError):
                location = self._locations.of(package)
                page = self._reader.client.project_page(location, package)
                self._pages[package] = versions_on_page(page, self._request)
        return self._pages[package]

    def follow(self, requires: tuple[str, ...]) -> dict[str, Taken]:
        """The choices for everything that these requirements need, as far as known."""
        demands: dict[str, frozenset[str]] = {}
        self._taken.clear()
        for _ in range(_ROUNDS):
            demands = self._demands(requires)
            news = [name for name, one in demands.items() if self._range_of(name) != one]
            unseen = sorted(name for name in news if name not in self._pages)
            for name in unseen[self._left :]:
                self._pages[name] = None  # too many; nothing is known of it
            self._left = max(0, self._left - len(unseen))
            if not news or time.monotonic() > self._until:
                break
            # most are locked, which is known without an index
            found = {name: self._kept(name, demands[name]) for name in news}
            asked = [name for name in news if found[name] is None]
            ranges = [demands[name] for name in asked]
            taken = side_by_side(self._take, asked, ranges, most=_SIDE_BY_SIDE)
            for name, one in (*found.items(), *zip(asked, taken, strict=True)):
                if one is not None:
                    self._taken[name] = (demands[name], one)
        return {name: self._taken[name][1] for name in demands if name in self._taken}

    def _range_of(self, name: str) -> frozenset[str] | None:
        return self._taken[name][0] if name in self._taken else None

    def contradicts(self, requires: tuple[str, ...]) -> bool:
        """Whether these requirements, with those of their own packages, leave no version of some package.

        Deeper in the graph the walk takes the newest possible version, so a contradiction there proves nothing.
        """
        named = frozenset(parse_requirement(text).name for text in requires)
        for name, ranges in self._demands(requires, named).items():
            listed_versions = self._pages.get(name)
            if (
                listed_versions is not None
                and listed_versions.files
                and not listed_versions.versions(joined(ranges))
            ):
                return True
        return False

    def _demands(
        self, requires: tuple[str, ...], askers: frozenset[str] | None = None
    ) -> dict[str, frozenset[str]]:
        """Every needed package, with the ranges of the choices so far.

        With `askers`, only the requirements of these packages, and the given ones.
        """
        published = {
            name: one.requires
            for name, (_, one) in self._taken.items()
            if askers is None or name in askers
        }
        return demanded_ranges(self._request, requires, published)

    def _kept(self, name: str, ranges: frozenset[str]) -> Taken | None:
        """The locked version, if it is in range."""
        known = self._locked.get(name)
        if known is not None and all(admits(one, known.version) for one in ranges):
            return Taken(requires=known.requires)
        return None

    def _take(self, name: str, ranges: frozenset[str]) -> Taken:
        listed_versions = self.listed_versions(name)
        if listed_versions is None:
            return Taken()
        obstacles: dict[str, Version] = {}
        for version in listed_versions.versions(joined(ranges)):
            obstacle = listed_versions.obstacle(version)
            if obstacle is None:
                return Taken(requires=self._published(listed_versions, version))
            obstacles.setdefault(obstacle, version)
        if SOURCE in obstacles:
            return Taken(
                requires=self._written(listed_versions, obstacles[SOURCE]), obstacle=SOURCE
            )
        return Taken(obstacle=next(iter(obstacles), None))

    def _published(self, listed_versions: PageVersions, version: Version) -> tuple[str, ...]:
        """A version's requirements; none if reading them would run its code."""
        wheel = listed_versions.wheel(version)
        if wheel is None or listed_versions.package in self._request.force_sdist:
            return self._written(listed_versions, version)
        if wheel.sha256 is None:
            return ()
        file = ResolvedFile(
            package=listed_versions.package,
            version=str(version),
            file=wheel.filename,
            url="",
            sha256=wheel.sha256,
            indexes=self._request.indexes,
        )
        with suppress(EnvbuildError, ValueError):
            known = self._reader.read_if_cheap(file)
            return known.requires if known is not None else ()
        return ()

    def _written(self, listed_versions: PageVersions, version: Version) -> tuple[str, ...]:
        """The requirements in a version's source distribution, without running it."""
        source = listed_versions.source(version)
        if source is None:
            return ()
        location = self._locations.of(listed_versions.package)
        return source_requires(self._reader.client, location, listed_versions.package, source)


def demanded_ranges(
    request: ResolveRequest,
    requires: tuple[str, ...],
    published: Mapping[str, tuple[str, ...]],
) -> dict[str, frozenset[str]]:
    """Every package that these requirements need on the request's target, with the ranges of all that is known.

    `published` gives what packages require; without it, only the packages that are required directly are found.
    """
    found: dict[str, set[str]] = {}
    for edge in active_edges(requires, published, request.target, request.overrides):
        found.setdefault(edge.package, set()).add(edge.specifier)
    for bound in map(parse_requirement, request.constraints):
        if bound.name in found and holds(bound.marker, request.target):
            found[bound.name].add(bound.specifier)
    return {name: frozenset(filter(None, ranges)) for name, ranges in found.items()}


def joined(ranges: Iterable[str]) -> SpecifierSet:
    """Ranges as one; a range of an old form bounds nothing, as resolvers accept it."""
    found = SpecifierSet()
    for text in ranges:
        with suppress(InvalidSpecifier):
            found &= SpecifierSet(text)
    return found
