"""The values of a lockfile: every package of one driver, exactly, for every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.driver import LockingKeys
from envbuild.declaration.source import bindings_on
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.index import Bindings
    from envbuild.declaration.source import LockedSource
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target

FORMAT = 1
"""The lockfile format that this version writes; it reads no newer one."""


@value
class LockedVariant:
    """What a driver asked for in one of its variants."""

    name: str
    requires: tuple[str, ...]
    """The driver's own requirements merged with the variant's."""

    indexes: Bindings
    """The bound indexes, those of the variant among them."""

    inherit: tuple[str, ...] = ()
    """What the variant takes from a Python of the host in place of `Inputs.inherit`; empty for that."""


@value
class Inputs(LockingKeys):
    """A driver's inputs when it was locked; a lockfile is fresh while they are unchanged."""

    requires: tuple[str, ...]
    indexes: Bindings
    """Each bound index's name with its package patterns; each host decides where an index is."""

    variants: tuple[LockedVariant, ...] = ()
    """In the order declared; empty for a driver without variants."""

    sources: tuple[LockedSource, ...] = ()
    """As in `Driver`."""

    inherit: tuple[str, ...] = ()
    """What the driver takes from a Python of the host, as `Inherit.packages`; which Python is each host's matter."""

    @property
    def all_requires(self) -> tuple[str, ...]:
        """What the driver asks for, then what it asks for in each of its variants."""
        return (*self.requires, *(text for one in self.variants for text in one.requires))

    def requires_on(self, target: Target) -> tuple[str, ...]:
        """What the driver asks for on a target."""
        return self._on(target).requires

    def indexes_on(self, target: Target) -> Bindings:
        """The bound sources and indexes of a target."""
        if not self.sources:
            return self._on(target).indexes
        return (*bindings_on(target, self.sources), *self._on(target).indexes)

    def inherit_in(self, variant: str | None) -> tuple[str, ...]:
        """What one of its variants, by name, takes from a Python of the host."""
        own = (one.inherit for one in self.variants if one.name == variant)
        return next(own, ()) or self.inherit

    def edges_on(self, target: Target, published: Mapping[str, tuple[str, ...]]) -> Iterator[Edge]:
        """What the driver asks for on a target and what that requires; see `active_edges`."""
        from envbuild.requirement.graph import active_edges

        return active_edges(self.requires_on(target), published, target, self.overrides)

    def _on(self, target: Target) -> Inputs | LockedVariant:
        return next((one for one in self.variants if one.name == target.variant), self)


@value
class LockedFile:
    """A wheel (or, where allowed, a source distribution) of a package."""

    name: str
    """The file's name; a wheel's name has its tags."""

    size: int
    """In bytes."""

    sha256: str
    """64 hex digits."""

    targets: tuple[Target, ...]
    """The targets that take this file; each of the package's targets takes exactly one."""


@value
class ChosenFile:
    """A locked file that a host installs."""

    package: str
    version: str
    index: str
    file: str
    sha256: str
    size: int
    """In bytes."""

    build: str = ""
    """The key of the build that makes a wheel of it, 64 hex digits; empty for a wheel."""


@value
class LockedPackage:
    """One version of a package, with its published metadata."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    index: str
    """The name of the index it comes from, or the `origin` of its source."""

    targets: tuple[Target, ...]
    """The targets that this version is for, in the lockfile's order."""

    requires: tuple[str, ...]
    """Its `Requires-Dist`, with extras and markers, in the published order."""

    required_by: tuple[str, ...]
    """The packages that require it on any of its targets; the driver itself is `.`."""

    files: tuple[LockedFile, ...]
    yanked: str | None = None
    """Why its index has yanked it (PEP 592), empty without a reason; None if it is not yanked."""

    requires_python: str = ""
    """Its `Requires-Python` if patch releases matter, such as `>=3.11.1`; else empty."""
    commands: tuple[str, ...] | None = None
    """The commands that its first wheel installs into `bin/`, in order; None if they were not needed."""

    modules: tuple[str, ...] = ()
    """Of the modules that the driver's command runs, those that its first wheel has."""

    built: tuple[LockedFile, ...] = ()
    """Wheels that were built from its sources; a target that has one takes no other."""

    @property
    def has_only_wheels(self) -> bool:
        """Whether none of its files has to be built."""
        return all(file.name.endswith(".whl") for file in self.files)

    def with_built_wheels(self) -> LockedPackage:
        """With the built wheel in place of the source, for each target that has one."""
        if not self.built:
            return self
        done = {target for wheel in self.built for target in wheel.targets}
        left = (
            replace(file, targets=tuple(one for one in file.targets if one not in done))
            for file in self.files
        )
        files = (*self.built, *(file for file in left if file.targets))
        return replace(self, files=tuple(sorted(files, key=lambda file: file.name)))

    def is_built_wheel(self, file: LockedFile) -> bool:
        """Whether a file is a wheel that no index or source has, because it was built."""
        return any(file.sha256 == wheel.sha256 for wheel in self.built)

    @property
    def is_built(self) -> bool:
        """Whether all of its files are built wheels."""
        return bool(self.built) and all(map(self.is_built_wheel, self.files))


@value
class LockedBuild:
    """What building one package from its source requires, exactly."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    targets: tuple[Target, ...]
    """The targets that build it with these requirements, in the lockfile's order."""

    requires: tuple[str, ...]
    """The build requirements of the source."""

    added: tuple[str, ...] = ()
    """Those that `[build.NAME]` adds."""

    options: str = ""
    """The digest of what else `[build.NAME]` says, 64 hex digits; empty if it says nothing."""

    files: tuple[LockedFile, ...]
    """The wheels that satisfy them, ordered by name; not every target takes each."""


INHERITED = "host:"
"""In place of an index's name, for packages of the host."""


@value
class HeldBack:
    """A requirement of the driver for which a newer version was passed over, and the reason."""

    package: str
    """Normalised (PEP 503)."""

    locked: str
    passed_over: str | None
    """The newest version that the requirement admits; None for a pre-release that no requirement asks for."""

    reason: str
    """One of `warnings.REASONS`."""

    blockers: tuple[str, ...]
    """The packages with this reason, ordered by name: the package itself, or packages that it needs."""

    targets: tuple[Target, ...]
    """The targets where this is so, in the lockfile's order."""


@value
class Lockfile:
    """`locks/<driver>.toml` as a value."""

    driver: str
    version: str
    """That of `inputs.version_of` on the first target."""

    inputs: Inputs
    targets: tuple[Target, ...]
    """Python × platform, in the order declared."""

    packages: tuple[LockedPackage, ...]
    """Ordered by name, then by version; a name has several entries if targets take different versions."""

    builds: tuple[LockedBuild, ...] = ()
    """The build requirements of packages that come as source, ordered by name and version."""

    inherited: tuple[LockedPackage, ...] = ()
    """Packages that every host must have itself at this version, ordered as `packages`; without files."""

    held_back: tuple[HeldBack, ...] = ()
    """Versions that were passed over at the resolution and that a change of the declaration would allow."""

    def packages_for(self, target: Target) -> tuple[LockedPackage, ...]:
        """The packages of a target, ordered by name; those of the host come last."""
        return tuple(
            package
            for package in self.every_package
            if package.targets is self.targets or target in package.targets
        )

    def versions_on(self, target: Target) -> dict[str, str]:
        """Every package of a target with its version."""
        return {package.name: package.version for package in self.packages_for(target)}

    def size_on(self, target: Target) -> int:
        """The files that a target takes, in bytes."""
        return sum(
            file.size
            for package in self.packages_for(target)
            for file in package.files
            if target in file.targets
        )

    def edges_on(self, target: Target) -> Iterator[Edge]:
        """Every requirement that holds on a target, starting with the driver's own."""
        published = {package.name: package.requires for package in self.packages_for(target)}
        return self.inputs.edges_on(target, published)

    @property
    def every_package(self) -> tuple[LockedPackage, ...]:
        """What is installed, and what the host has."""
        return (*self.packages, *self.inherited)

    def by_variant(self) -> tuple[tuple[str | None, Lockfile], ...]:
        """Each variant with the lockfile of its packages alone; without variants None with this one."""
        if not self.inputs.variants:
            return ((None, self),)
        return tuple((one.name, self._only(one.name)) for one in self.inputs.variants)

    def _only(self, variant: str) -> Lockfile:
        def own(packages: tuple[LockedPackage, ...]) -> tuple[LockedPackage, ...]:
            return tuple(
                package
                for package in packages
                if any(target.variant == variant for target in package.targets)
            )

        return replace(self, packages=own(self.packages), inherited=own(self.inherited))
