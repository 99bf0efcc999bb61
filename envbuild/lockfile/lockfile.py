"""What a lockfile holds: every package of one driver, for every target, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.declaration import LockingKeys
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.target.target import Target

FORMAT = 1
"""The lockfile format that this version writes, and the newest that it reads."""


@value
class Inputs(LockingKeys):
    """What a driver asked for when it was locked; a lockfile is fresh while this still holds."""

    requires: tuple[str, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...]
    """Each bound index's name with its package patterns; where an index lives is the host's affair."""


@value
class LockedFile:
    """A wheel (or, where allowed, a source distribution) of a package."""

    name: str
    """The file's name, which for a wheel carries its tags."""

    size: int
    """In bytes."""

    sha256: str
    """64 hex digits."""

    targets: tuple[Target, ...]
    """The targets that take this very file; each of the package's targets takes exactly one."""


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


@value
class LockedPackage:
    """One version of a package, with what it publishes about itself."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    index: str
    """The name of the index it comes from."""

    targets: tuple[Target, ...]
    """The targets that this version is for, in the lockfile's order."""

    requires: tuple[str, ...]
    """Its own `Requires-Dist`, extras and markers included, in the order published."""

    required_by: tuple[str, ...]
    """Who asks for it on any of its targets: package names, and the driver itself as `.`."""

    files: tuple[LockedFile, ...]
    yanked: str | None = None
    """Why its index has withdrawn it (PEP 592), empty where no reason is given; None where it has not."""

    requires_python: str = ""
    """Its own `Requires-Python` where patch releases matter to it, such as `>=3.11.1`; else empty."""
    commands: tuple[str, ...] | None = None
    """What its first wheel puts into `bin/`, in order; None where nobody had to look."""

    modules: tuple[str, ...] = ()
    """Of the modules that the driver's command runs, those that its first wheel has."""


@value
class HeldBack:
    """A requirement of the driver itself for which a newer version was passed over, and why."""

    package: str
    """Normalised (PEP 503)."""

    locked: str
    passed_over: str | None
    """The newest version that the requirement admits; None for a pre-release that nobody asked for."""

    reason: str
    """One of `held_back.REASONS`."""

    blockers: tuple[str, ...]
    """The packages that the reason is true of, in name order: the package itself, or what it needs."""

    targets: tuple[Target, ...]
    """Where it is so, in the lockfile's order."""


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
    """In name order, then by version; a name stands twice where targets take different versions."""

    held_back: tuple[HeldBack, ...] = ()
    """What was passed over for something that the declaration can change, when it was resolved."""

    def packages_for(self, target: Target) -> tuple[LockedPackage, ...]:
        """What is installed on a target, in name order."""
        return tuple(package for package in self.packages if target in package.targets)


@value
class Fresh:
    """The lockfile answers its declaration."""


@value
class Stale:
    """The lockfile no longer answers its declaration."""

    reasons: tuple[str, ...]
    """One sentence each, without a final stop, for the user."""
