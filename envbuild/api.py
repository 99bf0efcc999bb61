"""What a launcher needs of envbuild, for programs in Python.

These names are stable by the contract of the JSON output: a version that changes one of them says so in its number.
Everything else in `envbuild` is private. All functions only read: none builds, locks or switches.
Each error is an `EnvbuildError`, with the exit code that the command line would have and a list of problems.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError, NoError, Problem
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.cli.context import Context
    from envbuild.store.manifest import ManifestDriver

__all__ = [
    "Driver",
    "EnvbuildError",
    "LockStatus",
    "Manifest",
    "Plan",
    "PlannedBuild",
    "Problem",
    "load_manifest",
    "lock_status",
    "plan",
    "which",
]


@value
class Driver:
    """A driver of the current generation."""

    name: str
    version: str
    variant: str | None
    """None for a driver without variants."""

    environment: Path
    binary: Path
    """What starts it, in its environment: this path stays as it is, whatever is synced later."""

    stable_binary: Path
    """The same command by a path that follows every switch."""

    python: Path
    python_version: str
    """Such as `3.12.8`."""

    env: Mapping[str, str]
    """The variables that its activation sets where they are not set."""

    shims: Mapping[str, Path]
    """A command of the driver → its shim, which follows every switch."""

    packages: Mapping[str, str]
    """Every installed package → its version."""

    size: int
    """The environment's files, in bytes."""

    key: str
    """The digest of everything that decides the environment's content: 64 hex digits."""


@value
class Manifest:
    """The current generation of a store."""

    generation: int
    created: str
    """UTC, such as `2026-11-20T10:00:00Z`."""

    drivers: Mapping[str, Driver]
    """A driver's name → the driver, in the declaration's order."""


@value
class LockStatus:
    """Whether a driver's lockfile satisfies its declaration."""

    driver: str
    version: str | None
    """The locked version; None without a lockfile."""

    reasons: tuple[str, ...]
    """Why it has to be locked again, each as a sentence without a final stop; none if it is fresh."""

    @property
    def is_fresh(self) -> bool:
        """Whether `envbuild lock` has nothing to do."""
        return not self.reasons


@value
class PlannedBuild:
    """An environment that a sync would build."""

    driver: str
    version: str
    environment: Path
    download: int
    """The most that is downloaded, in bytes: wheels that the store has are counted too."""


@value
class Plan:
    """What `envbuild sync` would do on this host."""

    builds: tuple[PlannedBuild, ...]
    keeps: tuple[str, ...]
    """The drivers whose environment is there already."""

    drops: tuple[str, ...]
    """The drivers that the next generation does not have."""

    skips: Mapping[str, str]
    """A driver that this host does not get → why, as a sentence without a final stop."""

    switches: bool
    """Whether there would be a new generation."""


def load_manifest(store: str | os.PathLike[str]) -> Manifest:
    """The current generation of a store; NoError (exit code 1) if nothing was ever synced."""
    from envbuild.store.store import Store

    found = Store(root=Path(store).absolute()).require_current()
    folder = Path(store).absolute() / "current" / "bin"
    drivers = {one.name: _driver(one, folder) for one in found.drivers}
    return Manifest(
        generation=found.generation, created=found.created, drivers=MappingProxyType(drivers)
    )


def _driver(found: ManifestDriver, shims: Path) -> Driver:
    return Driver(
        name=found.name,
        version=found.version,
        variant=found.variant,
        environment=Path(found.environment),
        binary=Path(found.binary),
        stable_binary=Path(found.stable_binary),
        python=Path(found.python),
        python_version=found.python_version,
        env=MappingProxyType(dict(found.env)),
        shims=MappingProxyType({command: shims / shim for command, shim in found.all_shims}),
        packages=MappingProxyType(dict(found.packages)),
        size=found.size,
        key=found.key,
    )


def which(store: str | os.PathLike[str], driver: str, *, stable: bool = False) -> Path:
    """The path that starts a driver: in its environment or, if `stable`, one that follows every switch.

    NoError if the current generation lacks it, or if there is none.
    """
    manifest = load_manifest(store)
    found = manifest.drivers.get(driver)
    if found is None:
        names = ", ".join(manifest.drivers)
        message = f"generation {manifest.generation} has no driver {driver!r}"
        raise NoError(Problem(message=message, hint=f"it has {names}"))
    return found.stable_binary if stable else found.binary


def lock_status(declaration: str | os.PathLike[str]) -> tuple[LockStatus, ...]:
    """For each enabled driver of a `drivers.toml`, whether its lockfile is fresh; no index is asked."""
    from envbuild.commands.lock import check_locks

    context = _context(declaration)
    result = check_locks(context.declaration, context.lock_folder, (), context.path_changes)
    return tuple(
        LockStatus(
            driver=one.driver,
            version=one.version,
            reasons=() if one.fresh else one.reasons,
        )
        for one in result.drivers
    )


def plan(
    declaration: str | os.PathLike[str], store: str | os.PathLike[str], drivers: Iterable[str] = ()
) -> Plan:
    """What a sync of these drivers, or of all, would do on this host.

    NoError lists the lockfiles that are missing or stale; HostError says that no Python fits.
    """
    from envbuild.cli.building import planner_for
    from envbuild.progress import Silent

    context = _context(declaration, store)
    try:
        made = planner_for(context, Silent(), offline=False, dry_run=True).plan(tuple(drivers))
    finally:
        context.stop()
    built = {one.driver.name for one in made.builds}
    return Plan(
        builds=tuple(
            PlannedBuild(
                driver=one.driver.name,
                version=one.version,
                environment=context.store.environment(one.environment),
                download=sum(file.size for file in one.files),
            )
            for one in made.builds
        ),
        keeps=(
            *(n for n in (one.driver.name for one in made.wanted) if n not in built),
            *made.kept,
        ),
        drops=made.dropped,
        skips=MappingProxyType({skip.driver: skip.reason for skip in made.skips}),
        switches=made.switch,
    )


def _context(
    declaration: str | os.PathLike[str], store: str | os.PathLike[str] | None = None
) -> Context:
    from envbuild.cli.context import Context
    from envbuild.cli.options import COMMON, Arguments, defaults

    given = {"file": os.fspath(declaration), "store": None if store is None else os.fspath(store)}
    arguments = Arguments(**{**defaults(COMMON), **given})
    return Context(arguments=arguments, environment=os.environ)
