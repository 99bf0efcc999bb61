"""What moved between two lockfiles of a driver, and the sets of moves that hold together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, parse_requirement
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target

    Moves = frozenset[str]


@value
class PackageMove:
    """A package that differs between the two sides."""

    package: str
    before: str | None
    """Its version on the good side; None if it is not there."""

    after: str | None
    """Its version on the bad side; None if it is not there."""


class TwoLockfiles:
    """The packages of a driver on one target: on a good side, and on a bad one."""

    def __init__(
        self, good: Iterable[LockedPackage], bad: Lockfile, requires: Iterable[str], target: Target
    ) -> None:
        """`requires` are the driver's own requirements on the good side."""
        self.target = target
        self._lockfile = bad
        self._inherited = {one.name: one for one in bad.inherited if target in one.targets}
        self._good = self._own(good)
        self._bad = self._own(bad.packages_for(target))
        self._requires = tuple(dict.fromkeys((*bad.inputs.requires_on(target), *requires)))

    def _own(self, packages: Iterable[LockedPackage]) -> dict[str, LockedPackage]:
        """Those that are installed, by name; the others are the host's, on both sides."""
        return {
            one.name: _alone(one, self.target)
            for one in packages
            if one.name not in self._inherited
        }

    @cached_property
    def moves(self) -> tuple[PackageMove, ...]:
        """Every package that differs, by name: another version, another file, or on one side only."""
        names = sorted({*self._good, *self._bad})
        return tuple(
            PackageMove(
                package=name, before=_version(self._good, name), after=_version(self._bad, name)
            )
            for name in names
            if _files(self._good.get(name)) != _files(self._bad.get(name))
        )

    def mixture(self, moves: Moves) -> Lockfile:
        """The lockfile with these moves made, and all others not."""
        packages = self._packages(moves)
        requires = tuple(self._present({**self._inherited, **packages}))
        needed = {edge.package for edge in self._edges(packages)}
        inputs = self._lockfile.inputs
        variants = tuple(replace(one, requires=requires) for one in inputs.variants)
        return replace(
            self._lockfile,
            inputs=replace(inputs, requires=requires, variants=variants),
            targets=(self.target,),
            packages=tuple(packages[name] for name in sorted(packages) if name in needed),
            held_back=(),
        )

    def closed(self, moves: Iterable[str]) -> Moves:
        """The moves, and those that must be made with them so that every requirement is satisfied."""
        made = frozenset(moves)
        while more := frozenset(self._missing(made)):
            made |= more
        return made

    def _missing(self, made: Moves) -> Iterator[str]:
        packages = {**self._inherited, **self._packages(made)}
        left = self._moved - made
        for edge in self._edges(packages):
            if edge.requirer is None or _satisfies(packages.get(edge.package), edge):
                continue
            if edge.package in left and _satisfies(self._bad.get(edge.package), edge):
                yield edge.package
            elif edge.requirer in left:
                yield edge.requirer
            elif edge.package in left:
                yield edge.package

    def _edges(self, packages: Mapping[str, LockedPackage]) -> Iterator[Edge]:
        there = {**self._inherited, **packages}  # what the host has requires something too
        published = {name: one.requires for name, one in there.items()}
        requires = tuple(self._present(there))
        return active_edges(requires, published, self.target, self._lockfile.inputs.overrides)

    def _packages(self, made: Moves) -> dict[str, LockedPackage]:
        kept = {name: package for name, package in self._good.items() if name not in made}
        moved = {name: package for name, package in self._bad.items() if name in made}
        same = {name: one for name, one in self._bad.items() if name not in self._moved}
        return {**kept, **same, **moved}

    @cached_property
    def _moved(self) -> Moves:
        return frozenset(move.package for move in self.moves)

    def _present(self, packages: Mapping[str, LockedPackage]) -> Iterator[str]:
        """The driver's own requirements, of either side, on packages that are there."""
        for text in self._requires:
            if parse_requirement(text).name in packages:
                yield text


def _alone(package: LockedPackage, target: Target) -> LockedPackage:
    """The package as it is on one target."""
    files = tuple(
        replace(file, targets=(target,)) for file in package.files if target in file.targets
    )
    return replace(package, targets=(target,), files=files)


def _version(packages: Mapping[str, LockedPackage], name: str) -> str | None:
    return packages[name].version if name in packages else None


def _files(package: LockedPackage | None) -> object:
    return None if package is None else [file.sha256 for file in package.files]


def _satisfies(package: LockedPackage | None, edge: Edge) -> bool:
    return package is not None and (not edge.specifier or admits(edge.specifier, package.version))
