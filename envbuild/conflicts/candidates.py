"""All versions that any lockfile pins, numbered, as the choices of one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from envbuild.conflicts.limits import Bounds, Steps
from envbuild.conflicts.meeting import alike as on_alike_targets
from envbuild.conflicts.same_source import is_sourced, same_source, source_words
from envbuild.requirement.graph import edges_of, overrides_by_package
from envbuild.requirement.parse import admits, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """One version of a package, as a lockfile pins it."""

    package: str
    version: str
    bit: int
    """A power of two, unique among the package's candidates; a set of candidates is a sum of bits."""

    requires: tuple[str, ...]
    """Its published requirements; a version has several candidates if its files publish different ones."""

    locked_by: str
    """The first driver whose lockfile has it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Link:
    """A requirement that holds on the target, as the candidates that it admits."""

    requirer: Candidate | None
    """The candidate that requires it, or None for a driver's own requirement."""

    package: str
    """The required package."""

    extras: tuple[str, ...]
    specifier: str
    mask: int
    """The candidates that the specifier admits."""

    text: str
    """The requirement as it was written."""

    override: str | None = None
    """The driver's override that replaces the text, if there is one."""

    origin: str = ""
    """Where a driver has the package from, if the link is about that; then the specifier is empty."""


class Node(NamedTuple):
    """A package with one of its extras (`""` for none), under one driver's overrides."""

    package: str
    extra: str
    overrides: tuple[str, ...]


class Admitted(NamedTuple):
    """The candidates of another package that a candidate admits, and the requirements that say so."""

    mask: int
    links: tuple[Link, ...]


Ask: TypeAlias = "tuple[str, int, frozenset[str]]"
"""A requirement in short: the package, the admitted candidates, the extras."""


class Candidates:
    """The candidates of a fleet's lockfiles on one target.

    A locked package is a candidate if it is locked for the same minor version of Python
    (which proves `Requires-Python`) and has a file for the target's platform.
    On a target of a variant, what is locked for another variant is not a candidate: it may come from another index.
    """

    def __init__(
        self, target: Target, lockfiles: Iterable[Lockfile], bounds: Bounds | None = None
    ) -> None:
        self.target = target
        self._limit = bounds or Bounds()
        self.steps = Steps()
        """The remaining limit of the searches."""

        self.full: dict[str, int] = {}
        """Every candidate of each package, as a sum of bits."""

        self.bounds: dict[tuple[Candidate, str, tuple[str, ...]], dict[Node, Admitted]] = {}
        """The propagation's results about single candidates, kept for all pairs."""

        self._by_package: dict[str, list[Candidate]] = {}
        self._known: dict[
            tuple[str, str, tuple[str, ...]], list[tuple[LockedPackage, Candidate]]
        ] = {}
        """Candidates that differ in nothing but their source, each with the first package that has it."""

        self._sourced: set[str] = set()
        """The packages that come from a source somewhere."""

        self._masks: dict[tuple[str, str], int] = {}
        self._links: dict[tuple[Candidate, str, tuple[str, ...]], tuple[Link, ...]] = {}
        self._unserved: dict[tuple[str, int, tuple[str, ...]], tuple[tuple[str, int], ...]] = {}
        self._known_askers: dict[tuple[str, ...], dict[str, list[tuple[str, int, int]]]] = {}
        self._newest: dict[tuple[str, int], int] = {}
        self._asks: dict[tuple[str, int, frozenset[str], tuple[str, ...]], tuple[Ask, ...]] = {}
        self._overrides: dict[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {}
        for lockfile in lockfiles:
            for package in _usable(lockfile, target):
                self._add(package, lockfile.driver)

    def of(self, package: str, mask: int = -1) -> Iterator[Candidate]:
        """The package's candidates in a sum of bits."""
        for candidate in self._by_package.get(package, ()):
            if candidate.bit & mask:
                yield candidate

    def find(self, package: LockedPackage) -> Candidate:
        """The candidate of a locked package; KeyError if the target has none."""
        alike = self._known[package.name, package.version, package.requires]
        if len(alike) == 1:
            return alike[0][1]
        return next(candidate for known, candidate in alike if same_source(known, package))

    def newest(self, package: str, mask: int) -> int:
        """The bit of the newest of some of the package's candidates."""
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
        """A candidate's requirements with one extra (`""` for none), under a driver's overrides."""
        key = (candidate, extra, overrides)
        known = self._links.get(key)
        if known is None:
            known = self._links[key] = tuple(self._make_links(candidate, extra, overrides))
            self._limit.spend_links(len(known))
        return known

    def asks(
        self, package: str, bit: int, extras: frozenset[str], overrides: tuple[str, ...]
    ) -> tuple[Ask, ...]:
        """A candidate's requirements with all of some extras, in short."""
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

    def unserved(
        self, package: str, left: int, overrides: tuple[str, ...]
    ) -> tuple[tuple[str, int], ...]:
        """The candidates that require a package and admit none of the remaining candidates, as package and bits."""
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
        """For each package, every candidate that requires it without an extra, with the mask."""
        known = self._known_askers.get(overrides)
        if known is None:
            known = self._known_askers[overrides] = {}
            for candidate in (one for alike in self._known.values() for _, one in alike):
                for link in self.links(candidate, "", overrides):
                    asker = (candidate.package, candidate.bit, link.mask)
                    known.setdefault(link.package, []).append(asker)
        return known

    def root_links(self, requires: tuple[str, ...], overrides: tuple[str, ...]) -> tuple[Link, ...]:
        """A driver's own requirements, under its overrides."""
        replaced = self._replaced(overrides)
        return tuple(
            self._link(None, edge) for edge in edges_of(None, requires, "", self.target, replaced)
        )

    def constraint_links(self, lockfile: Lockfile, locked: Target) -> tuple[Link, ...]:
        """A driver's constraints, and where it has a package from that others have from elsewhere."""
        constraints = self.root_links(lockfile.inputs.constraints, ())
        return (*constraints, *self._source_links(lockfile, locked))

    def _source_links(self, lockfile: Lockfile, locked: Target) -> Iterator[Link]:
        for own in lockfile.packages_for(locked) if self._sourced else ():
            if own.name in self._sourced:
                admitted = (
                    candidate.bit
                    for (name, _, _), alike in self._known.items()
                    for known, candidate in (alike if name == own.name else ())
                    if same_source(known, own) or (is_sourced(own) and known.index == own.index)
                )
                yield Link(
                    requirer=None,
                    package=own.name,
                    extras=(),
                    specifier="",
                    mask=sum(admitted),
                    text=own.name,
                    origin=f"from {source_words(own)}",
                )

    def _make_links(
        self, candidate: Candidate, extra: str, overrides: tuple[str, ...]
    ) -> Iterator[Link]:
        if not overrides:
            for edge in edges_of(candidate.package, candidate.requires, extra, self.target, {}):
                yield self._link(candidate, edge)
            return
        untouched = {link.text: link for link in self.links(candidate, extra, ())}
        replaced = self._replaced(overrides)
        for edge in edges_of(candidate.package, candidate.requires, extra, self.target, replaced):
            if edge.override is None:
                yield untouched[edge.text]
            else:
                yield self._link(candidate, edge)

    def _link(self, requirer: Candidate | None, edge: Edge) -> Link:
        return Link(
            requirer=requirer,
            package=edge.package,
            extras=edge.extras,
            specifier=edge.specifier,
            mask=self.admitted(edge.package, edge.specifier),
            text=edge.text,
            override=edge.override,
        )

    def _replaced(self, overrides: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        known = self._overrides.get(overrides)
        if known is None:
            known = self._overrides[overrides] = overrides_by_package(overrides)
        return known

    def _add(self, package: LockedPackage, driver: str) -> None:
        if is_sourced(package):
            self._sourced.add(package.name)
        key = (package.name, package.version, package.requires)
        alike = self._known.setdefault(key, [])
        if any(same_source(known, package) for known, _ in alike):
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
        alike.append((package, candidate))
        self.full[package.name] = (1 << len(siblings)) - 1


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates of one package, the newest version first."""
    return sorted(candidates, key=lambda candidate: parse_version(candidate.version), reverse=True)


def _usable(lockfile: Lockfile, target: Target) -> Iterator[LockedPackage]:
    """The packages of a lockfile that the target can install."""
    near = tuple(
        locked
        for locked in lockfile.targets
        if locked.minor == target.minor and on_alike_targets(locked, target)
    )
    exact = frozenset(locked for locked in near if locked.platform.runs_on(target.platform))
    if not near:
        return
    for package in lockfile.every_package:
        if not exact.isdisjoint(package.targets) or (
            not frozenset(near).isdisjoint(package.targets) and _is_pure(package)
        ):
            yield package


def _is_pure(package: LockedPackage) -> bool:
    return not package.files or any(f.name.endswith("-none-any.whl") for f in package.files)
