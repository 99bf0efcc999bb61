"""The port of a resolver: what it gives for one target, and how the results of all targets make one lockfile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.declaration.declaration import bound_index
from envbuild.errors import Problem, UnsatisfiableError
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.target.python_bound import patch_clauses
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from envbuild.declaration.declaration import Bindings
    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import HeldBack, Inputs
    from envbuild.posix.process import Runner
    from envbuild.target.target import Target


@value
class Pin:
    """A version that a resolution keeps if it still fits."""

    name: str
    version: str


@value
class KnownPackage:
    """Known METADATA of one file, so that the index need not be asked."""

    name: str
    version: str
    file: str
    """The file's name."""

    sha256: str
    """The file's; another file of the same version may have other METADATA."""

    index: str
    """The name of the index that it comes from."""

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
    index: str
    """The name of the index that it comes from."""


def locked_choice(package: LockedPackage, file: LockedFile, target: Target) -> LockedChoice:
    """A locked file as a target's choice."""
    return LockedChoice(
        package=package.name,
        version=package.version,
        file=file.name,
        sha256=file.sha256,
        target=target,
        index=package.index,
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
    """Versions to keep if they still fit."""

    indexes: Bindings
    """The indexes that serve it, with the packages that are bound to each."""

    exclude_newer_packages: tuple[tuple[str, str | None], ...] = ()
    """Packages with a limit of their own in place of `exclude_newer`; None for no limit."""

    known: tuple[KnownPackage, ...] = ()
    """METADATA that the resolver need not ask an index for; the caller checks afterwards whether it is still right."""

    told: tuple[KnownPackage, ...] = ()
    """METADATA read from files; it counts even if the index says otherwise."""

    resolver: str = "uv"
    """The name of the resolver that is asked."""

    def limit_of(self, package: str) -> str | None:
        """The limit on the age of a package's releases; newer releases are ignored."""
        return dict(self.exclude_newer_packages).get(package, self.exclude_newer)


@value
class ResolvedFile:
    """The one file of a package that a target takes."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    file: str
    """The file's name."""

    url: str
    """Where the file was found; never written to a lockfile."""

    sha256: str
    indexes: Bindings
    """The indexes that served the request."""

    @property
    def index(self) -> str:
        """The name of the index that the file comes from."""
        return bound_index(self.indexes, self.package)


@value
class ListedFile:
    """A file as an index lists it for uv."""

    package: str
    """Normalised (PEP 503)."""

    name: str
    url: str
    hashes: tuple[tuple[tuple[str, str], ...], ...]
    """The digests, as (algorithm, hex digits), of each entry with this name."""


@value
class Resolution:
    """All packages of one target, ordered by name."""

    target: Target
    files: tuple[ResolvedFile, ...]


@value
class PublishedMetadata:
    """A file's METADATA and size."""

    requires: tuple[str, ...]
    """`Requires-Dist` as published, addresses left out."""

    size: int
    """The file's size in bytes."""

    requires_python: str = ""
    """`Requires-Python` as published if it separates patch releases of Python, else empty."""


class Resolver(Protocol):
    """Finds exact versions in the given indexes."""

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target.

        UnsatisfiableError has the resolver's message;
        IndexFailureError names the index that failed.
        """
        ...


@value
class ResolverTools:
    """What a resolver is made from."""

    runner: Runner
    cache: Path
    """A folder of the resolver's own, private to envbuild."""

    index_environment: Mapping[str, str]
    """The variables with the addresses of indexes; credentials stay off the command line."""

    explain: Callable[[ResolveRequest, str], EnvbuildError | None]
    """Asks the indexes why a resolution failed with this output; None if all answered correctly."""

    advise: Callable[[ResolveRequest], str | None]
    """A change of the declaration that helps if nothing satisfies a driver; None if there is none."""

    conceal: Callable[[str], str]
    """Removes from uv's output what other users of the host must not see."""

    deadline: float
    """Seconds in which one answer of an index must be complete."""

    sole_digest: Callable[[ListedFile], str]
    """The sha256 of a file that an index lists; IndexFailureError if there are two."""

    listed_files: Callable[[str], tuple[str, ...]]
    """The names of all files in a package's index; IndexFailureError if it cannot be read."""


class MetadataSource(Protocol):
    """Reads METADATA and other facts about files."""

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """Each file's METADATA by sha256; IndexFailureError if an index does not give it."""
        ...

    def commands(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, tuple[str, ...]]:
        """The files that each wheel installs into `bin/`, by sha256; IndexFailureError without the wheel."""
        ...

    def having(self, files: tuple[ResolvedFile, ...], module: str) -> frozenset[str]:
        """The sha256 of each wheel that has a module to run; errors as in `commands`."""
        ...

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """The names of the packages whose file the index still lists with that sha256."""
        ...

    def yanked(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, str]:
        """sha256 → reason, for each file that its index has yanked; files without an answer are left out."""
        ...

    def extras(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, frozenset[str]]:
        """sha256 → the file's normalised extras; files without an answer are left out."""
        ...

    def held_back(self, lockfile: Lockfile) -> tuple[HeldBack, ...]:
        """The driver's requirements that the declaration holds back; those without an answer are left out."""
        ...

    def revalidate(self, choices: tuple[LockedChoice, ...]) -> frozenset[LockedChoice]:
        """The files that the index's page still lists."""
        ...


def merge_resolutions(
    *,
    driver: str,
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
) -> Lockfile:
    """Make one lockfile from the results of all targets.

    `metadata` is keyed by a file's sha256.
    `Requires-Python` is kept if it separates patch releases of a target's Python.
    If files of one version publish different requirements, the lockfile has one package for each,
    with its own targets, so that locked requirements are those of the target's file.
    """
    from packaging.version import Version

    targets = tuple(resolution.target for resolution in resolutions)
    pythons = {".".join(target.python.split(".")[:2]) for target in targets}

    def bound(file: ResolvedFile) -> str:
        text = metadata[file.sha256].requires_python
        return text if any(patch_clauses(text, minor) for minor in pythons) else ""

    asked_by = _requirers(inputs, resolutions, metadata)
    groups: dict[tuple[str, str, tuple[str, ...], str, str], list[tuple[Target, ResolvedFile]]] = {}
    for resolution in resolutions:
        for file in resolution.files:
            requires = metadata[file.sha256].requires
            key = (file.package, file.version, requires, bound(file), file.index)
            groups.setdefault(key, []).append((resolution.target, file))
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            index=index,
            targets=tuple(target for target, _ in chosen),
            requires=requires,
            required_by=tuple(
                sorted(set().union(*(asked_by[target, name] for target, _ in chosen)))
            ),
            files=_files(chosen, metadata),
            requires_python=requires_python,
        )
        for (name, version, requires, requires_python, index), chosen in sorted(
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
    """The version of the package that gives the driver its version."""
    for file in resolution.files:
        if file.package == package:
            return file.version
    problem = Problem(
        key=f"drivers.{driver}.version-of",
        message=f"{package} gives the environment its version, but is not needed on {resolution.target}",
        hint="name another package in `version-of`",
    )
    raise UnsatisfiableError(problem)


def _requirers(
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
) -> dict[tuple[Target, str], set[str]]:
    """For every target and package, the packages that require it there."""
    from envbuild.requirement.graph import active_edges

    asked_by: dict[tuple[Target, str], set[str]] = {}
    for resolution in resolutions:
        published = {file.package: metadata[file.sha256].requires for file in resolution.files}
        for name in published:
            asked_by[resolution.target, name] = set()
        for edge in active_edges(inputs.requires, published, resolution.target, inputs.overrides):
            # an extra that requires another extra of its own package adds nothing
            if edge.package in published and edge.package != edge.requirer:
                asked_by[resolution.target, edge.package].add(edge.requirer or ".")
    return asked_by
