"""The ports of resolvers and of metadata: what they are asked, and what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.declaration.index import bound_index
from envbuild.declaration.source import is_source
from envbuild.errors import HostError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.index import Bindings
    from envbuild.lockfile.lockfile import (
        ChosenFile,
        HeldBack,
        LockedFile,
        LockedPackage,
        Lockfile,
    )
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
    """Normalised names of packages whose source distribution is taken where no wheel fits."""

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

    force_sdist: tuple[str, ...] = ()
    """Normalised names of packages whose source distribution is taken in any case."""
    inherited: tuple[LockedPackage, ...] = ()
    """Packages of the host: given at these versions, and taken from no index."""

    resolver: str = "uv"
    """The name of the resolver that is asked."""

    targets: tuple[Target, ...] = ()
    """Every target that is resolved with it, for messages."""

    @property
    def may_be_built(self) -> frozenset[str]:
        """The packages whose source may be taken: as the driver says, or because they have one of their own."""
        own = (packages[0] for origin, packages in self.indexes if is_source(origin))
        return frozenset((*self.allow_sdist, *self.force_sdist, *own))

    def limit_of(self, package: str) -> str | None:
        """The limit on the age of a package's releases; newer releases are ignored."""
        return dict(self.exclude_newer_packages).get(package, self.exclude_newer)

    @property
    def widening_hint(self) -> str:
        """The hint if no versions satisfy it: the keys that bound them."""
        bounds = (("constraints", self.constraints), ("overrides", self.overrides))
        keys = ["`requires`", *(f"`{key}`" for key, texts in bounds if texts)]
        return f"widen a range in {' or '.join(keys)} of drivers.{self.driver}"


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

    python: str | None = None
    """The Python that a source is to be built for, such as `3.12`; None for a wheel."""

    @property
    def content(self) -> str:
        """What its METADATA goes by: the sha256; of a source, with the Python, as it may differ between Pythons."""
        return self.sha256 if self.python is None else f"{self.sha256}/{self.python}"

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


def listed_files(
    package: str, entries: Iterable[tuple[str, str, Mapping[str, str]]]
) -> tuple[ListedFile, ...]:
    """Entries of a page, as name, address and digests, by name; an index can list one twice."""
    found: dict[str, tuple[str, dict[tuple[tuple[str, str], ...], None]]] = {}
    for name, url, hashes in entries:
        found.setdefault(name, (url, {}))[1][tuple(sorted(hashes.items()))] = None
    return tuple(
        ListedFile(package=package, name=name, url=url, hashes=tuple(digests))
        for name, (url, digests) in found.items()
    )


@value
class Resolution:
    """All packages of one target, ordered by name."""

    target: Target
    files: tuple[ResolvedFile, ...]

    def published(
        self, metadata: Mapping[str, PublishedMetadata], inherited: Iterable[LockedPackage]
    ) -> dict[str, tuple[str, ...]]:
        """Each package's own requirements, by name; `metadata` is keyed by `ResolvedFile.content`.

        Packages of the host are given as `inherited`, for all targets.
        """
        published = {file.package: metadata[file.content].requires for file in self.files}
        here = (package for package in inherited if self.target in package.targets)
        return published | {package.name: package.requires for package in here}


@value
class PublishedMetadata:
    """A file's METADATA and size."""

    requires: tuple[str, ...]
    """`Requires-Dist` as published, addresses left out."""

    size: int
    """The file's size in bytes."""

    requires_python: str = ""
    """`Requires-Python` as published if it separates patch releases of Python, else empty."""


class UnsupportedTargetError(HostError):
    """The resolver cannot resolve for a target on this host."""


class Resolver(Protocol):
    """Finds exact versions in the given indexes."""

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target.

        UnsatisfiableError has the resolver's message;
        IndexFailureError names the index that failed.
        """
        ...


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

    def build_requirements(self, file: ChosenFile, request: ResolveRequest) -> tuple[str, ...]:
        """What building a locked source requires, as its files and its backend have it.

        `request` is the driver's for the target; the backend is asked if the target's Python is here.
        HostError or IndexFailureError says what is wrong with the source.
        """
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
