"""What resolving gives for one target, and how the targets' answers make one lockfile.

The port: whoever can turn requirements into exact files for one target is a Resolver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.target.python_bound import patch_clauses
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.lockfile.lockfile import HeldBack, Inputs
    from envbuild.target.target import Target


@value
class Pin:
    """A version that a resolution keeps where it still fits."""

    name: str
    version: str


@value
class KnownPackage:
    """What one file of a version says about its package, known before anybody is asked."""

    name: str
    version: str
    file: str
    """The file's name."""

    sha256: str
    """Of the file; another one of the same version may say otherwise."""

    requires: tuple[str, ...]
    """`Requires-Dist` as published, addresses left out."""


@value
class LockedChoice:
    """The file of a package that a lockfile gives to one target."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    file: str
    """The file's name."""

    sha256: str
    target: Target


def locked_choice(package: LockedPackage, file: LockedFile, target: Target) -> LockedChoice:
    """A locked file as the choice of a target that takes it."""
    return LockedChoice(
        package=package.name,
        version=package.version,
        file=file.name,
        sha256=file.sha256,
        target=target,
    )


@value
class ResolveRequest:
    """One driver on one target."""

    driver: str
    requires: tuple[str, ...]
    constraints: tuple[str, ...]
    overrides: tuple[str, ...]
    target: Target
    exclude_newer: str | None
    allow_sdist: tuple[str, ...]
    pins: tuple[Pin, ...]
    """Versions to keep where they still fit; nothing else keeps them."""

    exclude_newer_packages: tuple[tuple[str, str | None], ...] = ()
    """Packages with a limit of their own in place of `exclude_newer`; None for no limit."""

    known: tuple[KnownPackage, ...] = ()
    """What need not be asked of an index; whoever asks looks afterwards whether it was still so."""

    told: tuple[KnownPackage, ...] = ()
    """What files say inside, which counts whatever their index says of them."""

    def limit_of(self, package: str) -> str | None:
        """The age from which releases of a package, by its normalised name, count as not there."""
        return dict(self.exclude_newer_packages).get(package, self.exclude_newer)


@value
class ResolvedFile:
    """The one file that a target takes of a package, and where it was seen."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    file: str
    """The file's name."""

    url: str
    """Where it was seen; for this run alone, never written."""

    sha256: str


@value
class Resolution:
    """Everything that one target takes, in name order."""

    target: Target
    files: tuple[ResolvedFile, ...]


@value
class PublishedMetadata:
    """What a file says about its package, and how large it is."""

    requires: tuple[str, ...]
    """`Requires-Dist` as published, addresses left out."""

    size: int
    """The file's size in bytes."""

    requires_python: str = ""
    """`Requires-Python` as published where patch releases of Python matter to it, else empty."""


class Resolver(Protocol):
    """Finds exact versions over the indexes it was built with."""

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target.

        UnsatisfiableError carries the resolver's own words;
        IndexFailureError says which index kept it from an answer.
        """
        ...


class MetadataSource(Protocol):
    """Knows what files say about themselves."""

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """What each file says, by sha256; IndexFailureError where an index does not give it."""
        ...

    def commands(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, tuple[str, ...]]:
        """What each wheel puts into `bin/`, by sha256; IndexFailureError where an index does not give it."""
        ...

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """The names of those whose file their index lists today, with that sha256."""
        ...

    def yanked(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, str]:
        """sha256 → the reason for each file that its index has withdrawn; what cannot be told is left out."""
        ...

    def extras(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, frozenset[str]]:
        """sha256 → the normalised extras that each file has; what cannot be told is left out."""
        ...

    def held_back(self, lockfile: Lockfile) -> tuple[HeldBack, ...]:
        """What of the driver's own requirements the declaration holds back; what cannot be told is left out."""
        ...

    def revalidate(self, choices: tuple[LockedChoice, ...]) -> frozenset[LockedChoice]:
        """Those that their index's page gives today as well; what cannot be told is left out."""
        ...


def merge_resolutions(
    *,
    driver: str,
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
    index_of: Mapping[str, str],
) -> Lockfile:
    """One lockfile out of every target's answer.

    `metadata` is keyed by a file's sha256, `index_of` by package name.
    `Requires-Python` is kept where it tells patch releases of a target's Python apart.
    Files of one version that publish different requirements become packages of their own,
    each for its targets, so that what is locked beside a target is what its file says.
    """
    from packaging.version import Version

    targets = tuple(resolution.target for resolution in resolutions)
    pythons = {".".join(target.python.split(".")[:2]) for target in targets}

    def bound(file: ResolvedFile) -> str:
        text = metadata[file.sha256].requires_python
        return text if any(patch_clauses(text, minor) for minor in pythons) else ""

    asked_by = _requirers(inputs, resolutions, metadata)
    groups: dict[tuple[str, str, tuple[str, ...], str], list[tuple[Target, ResolvedFile]]] = {}
    for resolution in resolutions:
        for file in resolution.files:
            key = (file.package, file.version, metadata[file.sha256].requires, bound(file))
            groups.setdefault(key, []).append((resolution.target, file))
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            index=index_of[name],
            targets=tuple(target for target, _ in chosen),
            requires=requires,
            required_by=tuple(
                sorted(set().union(*(asked_by[target, name] for target, _ in chosen)))
            ),
            files=_files(chosen, metadata),
            requires_python=requires_python,
        )
        for (name, version, requires, requires_python), chosen in sorted(
            groups.items(), key=lambda item: (item[0][0], Version(item[0][1]), *item[0][2:])
        )
    )
    return Lockfile(
        driver=driver,
        version=_version_of(driver, inputs.version_of, resolutions[0]),
        inputs=inputs,
        targets=targets,
        packages=packages,
    )


def _files(
    chosen: Iterable[tuple[Target, ResolvedFile]], metadata: Mapping[str, PublishedMetadata]
) -> tuple[LockedFile, ...]:
    targets: dict[tuple[str, str], list[Target]] = {}
    for target, file in chosen:
        targets.setdefault((file.file, file.sha256), []).append(target)
    return tuple(
        LockedFile(name=name, size=metadata[sha256].size, sha256=sha256, targets=tuple(taking))
        for (name, sha256), taking in sorted(targets.items())
    )


def _version_of(driver: str, package: str, resolution: Resolution) -> str:
    """The version of the package that names the driver's version."""
    for file in resolution.files:
        if file.package == package:
            return file.version
    problem = Problem(
        key=f"drivers.{driver}.version-of",
        message=f"{package}, whose version the environment's path is to carry, "
        f"is not needed on {resolution.target}",
        hint="name another package in `version-of`",
    )
    raise UnsatisfiableError(problem)


def _requirers(
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
) -> dict[tuple[Target, str], set[str]]:
    """For every target and package, who asks for it there."""
    from envbuild.requirement.graph import active_edges

    asked_by: dict[tuple[Target, str], set[str]] = {}
    for resolution in resolutions:
        published = {file.package: metadata[file.sha256].requires for file in resolution.files}
        for name in published:
            asked_by[resolution.target, name] = set()
        for edge in active_edges(inputs.requires, published, resolution.target, inputs.overrides):
            # a package whose one extra asks for another of its own asks for nothing new
            if edge.package in published and edge.package != edge.requirer:
                asked_by[resolution.target, edge.package].add(edge.requirer or ".")
    return asked_by
