"""Everything that any lockfile pins, numbered, as what one target can choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from envbuild.conflicts.limits import Bounds, Steps
from envbuild.requirement.graph import askings, overrides_by_package
from envbuild.requirement.parse import admits, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.requirement.graph import Asking
    from envbuild.target.target import Platform, Target


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """One version of a package as a lockfile pins it."""

    package: str
    version: str
    bit: int
    """A power of two, its own among the package's candidates; sets of candidates are sums of bits."""

    requires: tuple[str, ...]
    """Its published requirements; one version stands twice where its files publish different ones."""

    locked_by: str
    """The driver whose lockfile it was first found in."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Link:
    """One requirement that holds on the target, as the candidates that it admits."""

    requirer: Candidate | None
    """The candidate that asks, or None for a driver's own line."""

    package: str
    """The package asked for."""

    extras: tuple[str, ...]
    specifier: str
    mask: int
    """The candidates that the specifier admits."""

    text: str
    """The requirement as it was written."""

    override: str | None = None
    """The driver's override that stands in for the text, where one does."""


class Node(NamedTuple):
    """A package with one of its extras (`""` for none), under one driver's overrides."""

    package: str
    extra: str
    overrides: tuple[str, ...]


class Admitted(NamedTuple):
    """What a candidate admits of another package, and the requirements that say so."""

    mask: int
    links: tuple[Link, ...]


Ask: TypeAlias = "tuple[str, int, frozenset[str]]"
"""A requirement in short: the package, the candidates admitted, the extras."""


class Candidates:
    """What the lockfiles of a fleet offer to one target.

    A lockfile's package is a candidate where it is locked for the same Python minor version
    (which proves `Requires-Python`)
    and has a file that the target's platform takes.
    """

    def __init__(
        self, target: Target, lockfiles: Iterable[Lockfile], bounds: Bounds | None = None
    ) -> None:
        self.target = target
        self._limit = bounds or Bounds()
        self.steps = Steps()
        """What searches among the candidates may still take."""

        self.full: dict[str, int] = {}
        """Every candidate of each package, as a sum of bits."""

        self.bounds: dict[tuple[Candidate, str, tuple[str, ...]], dict[Node, Admitted]] = {}
        """What the propagation has worked out about single candidates, kept for all pairs."""

        self._by_package: dict[str, list[Candidate]] = {}
        self._known: dict[tuple[str, str, tuple[str, ...]], Candidate] = {}
        self._masks: dict[tuple[str, str], int] = {}
        self._links: dict[tuple[Candidate, str, tuple[str, ...]], tuple[Link, ...]] = {}
        self._plain_asks: dict[tuple[str, ...], dict[tuple[str, int], tuple[Ask, ...]]] = {}
        self._unserved: dict[tuple[str, int, tuple[str, ...]], tuple[tuple[str, int], ...]] = {}
        self._known_askers: dict[tuple[str, ...], dict[str, list[tuple[str, int, int]]]] = {}
        self._newest: dict[tuple[str, int], int] = {}
        self._asks: dict[tuple[str, int, frozenset[str], tuple[str, ...]], tuple[Ask, ...]] = {}
        self._overrides: dict[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {}
        for lockfile in lockfiles:
            for package in _usable(lockfile, target):
                self._add(package, lockfile.driver)

    def of(self, package: str, mask: int = -1) -> Iterator[Candidate]:
        """The package's candidates that a sum of bits holds."""
        for candidate in self._by_package.get(package, ()):
            if candidate.bit & mask:
                yield candidate

    def find(self, package: LockedPackage) -> Candidate:
        """The candidate that a locked package is; KeyError where it is none for this target."""
        return self._known[package.name, package.version, package.requires]

    def newest(self, package: str, mask: int) -> int:
        """The bit of the newest among some of the package's candidates."""
        key = (package, mask)
        bit = self._newest.get(key)
        if bit is None:
            bit = self._newest[key] = newest_first(self.of(package, mask))[0].bit
        return bit

    def admitted(self, package: str, specifier: str) -> int:
        """The package's candidates that a specifier admits, as a sum of bits."""
        key = (package, specifier)
        mask = self._masks.get(key)
        if mask is None:
            fitting = (
                candidate.bit
                for candidate in self.of(package)
                if admits(specifier, candidate.version)
            )
            mask = self._masks[key] = sum(fitting)
        return mask

    def links(
        self, candidate: Candidate, extra: str, overrides: tuple[str, ...]
    ) -> tuple[Link, ...]:
        """What a candidate asks for with one extra (`""` for none), under a driver's overrides."""
        key = (candidate, extra, overrides)
        known = self._links.get(key)
        if known is None:
            known = self._links[key] = tuple(self._make_links(candidate, extra, overrides))
            self._limit.spend_links(len(known))
        return known

    def asks(
        self, package: str, bit: int, extras: frozenset[str], overrides: tuple[str, ...]
    ) -> tuple[Ask, ...]:
        """What one candidate asks for with all of some extras, in short."""
        key = (package, bit, extras, overrides)
        known = self._asks.get(key)
        if known is None:
            candidate = next(self.of(package, bit))
            known = self._asks[key] = tuple(
                (link.package, link.mask, frozenset(link.extras))
                for extra in ("", *sorted(extras))
                for link in self.links(candidate, extra, overrides)
            )
        return known

    def plain_asks(self, overrides: tuple[str, ...]) -> dict[tuple[str, int], tuple[Ask, ...]]:
        """Where views of the same overrides keep what candidates ask for without extras."""
        return self._plain_asks.setdefault(overrides, {})

    def unserved(
        self, package: str, left: int, overrides: tuple[str, ...]
    ) -> tuple[tuple[str, int], ...]:
        """Who asks for a package and admits none of the candidates left, as package and bits."""
        key = (package, left, overrides)
        known = self._unserved.get(key)
        if known is None:
            found: dict[str, int] = {}
            for asker, bit, mask in self._askers(overrides).get(package, ()):
                if not mask & left:
                    found[asker] = found.get(asker, 0) | bit
            known = self._unserved[key] = tuple(found.items())
        return known

    def _askers(self, overrides: tuple[str, ...]) -> dict[str, list[tuple[str, int, int]]]:
        """For each package every candidate that asks for it without any extra, with the mask."""
        known = self._known_askers.get(overrides)
        if known is None:
            known = self._known_askers[overrides] = {}
            for candidate in self._known.values():
                for link in self.links(candidate, "", overrides):
                    asker = (candidate.package, candidate.bit, link.mask)
                    known.setdefault(link.package, []).append(asker)
        return known

    def root_links(self, requires: tuple[str, ...], overrides: tuple[str, ...]) -> tuple[Link, ...]:
        """What a driver's own lines ask for, under its overrides."""
        replaced = self._replaced(overrides)
        return tuple(
            self._link(None, asking) for asking in askings(requires, "", self.target, replaced)
        )

    def _make_links(
        self, candidate: Candidate, extra: str, overrides: tuple[str, ...]
    ) -> Iterator[Link]:
        if not overrides:
            for asking in askings(candidate.requires, extra, self.target, {}):
                yield self._link(candidate, asking)
            return
        untouched = {link.text: link for link in self.links(candidate, extra, ())}
        for asking in askings(candidate.requires, extra, self.target, self._replaced(overrides)):
            if asking.override is None:
                yield untouched[asking.text]
            else:
                yield self._link(candidate, asking)

    def _link(self, requirer: Candidate | None, asking: Asking) -> Link:
        wanted = asking.wanted
        return Link(
            requirer=requirer,
            package=wanted.name,
            extras=wanted.extras,
            specifier=wanted.specifier,
            mask=self.admitted(wanted.name, wanted.specifier),
            text=asking.text,
            override=asking.override,
        )

    def _replaced(self, overrides: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        known = self._overrides.get(overrides)
        if known is None:
            known = self._overrides[overrides] = overrides_by_package(overrides)
        return known

    def _add(self, package: LockedPackage, driver: str) -> None:
        key = (package.name, package.version, package.requires)
        if key in self._known:
            return
        siblings = self._by_package.setdefault(package.name, [])
        candidate = Candidate(
            package=package.name,
            version=package.version,
            bit=1 << len(siblings),
            requires=package.requires,
            locked_by=driver,
        )
        siblings.append(candidate)
        self._known[key] = candidate
        self.full[package.name] = (1 << len(siblings)) - 1


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates of one package, the newest version first."""
    return sorted(candidates, key=lambda candidate: parse_version(candidate.version), reverse=True)


def _usable(lockfile: Lockfile, target: Target) -> Iterator[LockedPackage]:
    """The packages of a lockfile that the target could install."""
    alike = tuple(
        locked for locked in lockfile.targets if _minor(locked.python) == _minor(target.python)
    )
    exact = frozenset(locked for locked in alike if runs_on(locked.platform, target.platform))
    if not alike:
        return
    for package in lockfile.packages:
        if not exact.isdisjoint(package.targets) or (
            not frozenset(alike).isdisjoint(package.targets) and _is_pure(package)
        ):
            yield package


def runs_on(locked: Platform, platform: Platform) -> bool:
    """Whether wheels that are locked for one platform run on another."""
    return (locked.arch, locked.system) == (platform.arch, platform.system) and (
        (locked.major, locked.minor) <= (platform.major, platform.minor)
    )


def _is_pure(package: LockedPackage) -> bool:
    return any(file.name.endswith("-none-any.whl") for file in package.files)


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
