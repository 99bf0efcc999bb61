"""`envbuild outdated`: newer versions of what is locked, and what holds them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.commands.selection import read_lockfiles
from envbuild.declaration.source import is_source
from envbuild.index.newest import Question
from envbuild.lockfile.chains import bounds_on, find_reasons, graph_edges
from envbuild.requirement.parse import admits, is_newer_release, parse_version
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.index.newest import Newest
    from envbuild.lockfile.chains import Bound
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


class VersionSource(Protocol):
    """What indexes have."""

    def newest(self, lockfile: Lockfile, questions: tuple[Question, ...]) -> tuple[Newest, ...]:
        """The answer to each question; IndexFailureError if an index does not answer."""
        ...


@value
class Holder:
    """A requirement that excludes the newest version."""

    chain: tuple[str, ...]
    """Packages with their versions, from one that the driver requires to the one that has the requirement.

    Empty for the driver's own requirement.
    """

    specifier: str
    kind: str
    """`requirement`, `override` or `constraint`."""


@value
class OutdatedPackage:
    """A locked package that the report lists."""

    name: str
    locked: str
    admitted: str | None
    """The newest version in the driver's own ranges that the targets can take.

    For a package that only packages require, in their ranges.
    """

    newest: str | None
    """The newest version on its index."""

    is_behind: bool
    """Whether there is a newer version."""

    is_major: bool
    """Whether the newest version has another first number than the locked one."""

    direct: bool
    """Whether the driver itself requires it."""

    held_by: tuple[Holder, ...]
    obstacle: str | None
    """Why the targets cannot take the newest version, one of `warnings.REASONS`."""

    yanked: str | None
    status: str | None
    targets: tuple[Target, ...]
    """The targets for which all of this is so."""


@value
class OutdatedDriver:
    """A driver's packages that are outdated, yanked or withdrawn."""

    name: str
    targets: tuple[Target, ...]
    packages: tuple[OutdatedPackage, ...]
    """Ordered by name; a package has several entries if its targets differ."""

    looked_at: int
    """How many packages were compared with their indexes."""


@value
class OutdatedResult:
    """The result of `envbuild outdated`."""

    drivers: tuple[OutdatedDriver, ...]

    @property
    def is_outdated(self) -> bool:
        """Whether there is anything to say."""
        return any(driver.packages for driver in self.drivers)


def outdated(
    declaration: Declaration,
    folder: LockFolder,
    names: tuple[str, ...],
    source: VersionSource,
    *,
    every: bool,
) -> OutdatedResult:
    """Compare lockfiles with their indexes; `every` looks also at packages that only packages require."""
    found = read_lockfiles(declaration, folder, names)
    chosen = [one for name, one in found.items() if not names or name in names]
    return OutdatedResult(drivers=tuple(_driver(one, source, every=every) for one in chosen))


def _driver(lockfile: Lockfile, source: VersionSource, *, every: bool) -> OutdatedDriver:
    asked = [
        (question, bounds)
        for target in lockfile.targets
        for question, bounds in _questions(lockfile, target, every=every)
    ]
    answers = source.newest(lockfile, tuple(question for question, _ in asked))
    merged: dict[OutdatedPackage, tuple[Target, ...]] = {}
    for (question, bounds), answer in zip(asked, answers, strict=True):
        package = _compared(lockfile, question, bounds, answer)
        merged[package] = (*merged.get(package, ()), question.target)
    told = [
        replace(package, targets=targets)
        for package, targets in merged.items()
        if package.is_behind or package.yanked is not None or package.status is not None
    ]
    return OutdatedDriver(
        name=lockfile.driver,
        targets=lockfile.targets,
        packages=tuple(sorted(told, key=lambda one: (one.name, parse_version(one.locked)))),
        looked_at=len({question.package.name for question, _ in asked}),
    )


def _questions(
    lockfile: Lockfile, target: Target, *, every: bool
) -> Iterator[tuple[Question, tuple[Bound, ...]]]:
    """A question for each package of a target that comes from an index, and every requirement on it."""
    edges = graph_edges(lockfile, target)
    direct = {edge.package for edge in edges if edge.requirer is None}
    for package in lockfile.packages_for(target):
        if is_source(package.index) or not (every or package.name in direct):
            continue
        bounds = bounds_on(lockfile, edges, package.name)
        own = [one for one in bounds if one.requirer is None] or bounds
        ranges = tuple(one.specifier for one in own)
        yield Question(package=package, target=target, ranges=ranges), bounds


def _compared(
    lockfile: Lockfile, question: Question, bounds: tuple[Bound, ...], answer: Newest
) -> OutdatedPackage:
    package, newest, admitted = question.package, answer.newest, answer.admitted
    behind = newest is not None and is_newer_release(newest, package.version)
    return OutdatedPackage(
        name=package.name,
        locked=package.version,
        admitted=admitted,
        newest=newest,
        is_behind=behind or (admitted is not None and is_newer_release(admitted, package.version)),
        is_major=behind and _first(newest) != _first(package.version),
        direct="." in package.required_by,
        held_by=tuple(holders(lockfile, question.target, bounds, newest))
        if behind and newest
        else (),
        obstacle=answer.obstacle if behind else None,
        yanked=answer.yanked,
        status=answer.status,
        targets=(),
    )


def holders(
    lockfile: Lockfile, target: Target, bounds: tuple[Bound, ...], newest: str
) -> Iterator[Holder]:
    """Those of a package's requirements on a target that exclude a version."""
    locked = lockfile.versions_on(target)
    for bound in bounds:
        if not admits(bound.specifier, newest):
            chain: tuple[str, ...] = ()
            if bound.requirer is not None:
                reasons = find_reasons(lockfile, target, bound.requirer)
                assert reasons is not None
                names = [edge.package for edge in reasons.chains[0]]
                chain = tuple(f"{name} {locked[name]}" for name in names)
            yield Holder(chain=chain, specifier=bound.specifier, kind=bound.kind)


def _first(version: str | None) -> tuple[int, int]:
    """The epoch and the first number of a version."""
    assert version is not None
    parsed = parse_version(version)
    return parsed.epoch, parsed.release[0]
