"""The plan of a sync, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.environment.derivation import Derivation, compute_key, environment_name, settings_of
from envbuild.lockfile.builds import chosen_file, default_options, source_builds
from envbuild.lockfile.provided_commands import settled
from envbuild.lockfile.soundness import packages_here
from envbuild.store.manifest import Preferred
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from envbuild.declaration.declaration import BuildOptions
    from envbuild.declaration.driver import Driver
    from envbuild.environment.derivation import InheritedDistribution
    from envbuild.lockfile.builds import SourceBuild
    from envbuild.lockfile.lockfile import ChosenFile, LockedPackage, Lockfile
    from envbuild.store.manifest import Manifest
    from envbuild.target.target import Interpreter, Target


@value
class Wanted:
    """A driver as this host should have it."""

    driver: Driver
    derivation: Derivation
    key: str
    """The derivation's."""

    lock: str
    """`sha256:` and the digest of the lockfile's bytes."""

    target: Target
    interpreter: Interpreter
    here: Target
    """The target with this host's patch release of Python and its kernel."""

    locked: tuple[LockedPackage, ...] = ()
    """The locked packages to install; empty without a lockfile."""

    builds: tuple[SourceBuild, ...] = ()
    """The builds of the packages among them that come as source."""

    own_indexes: tuple[str, ...] = ()
    """The names of the indexes that serve the driver, as its lockfile has them."""

    passed_over: tuple[tuple[str, str], ...] = ()
    """The variants that were declared before the target's, each with the reason why this host does not get it."""

    preferred: Preferred | None = None
    """What the driver would be on the first Python of its list, if that is another version."""

    @property
    def version(self) -> str:
        """The driver's."""
        return self.derivation.version

    @property
    def files(self) -> tuple[ChosenFile, ...]:
        """The files to install, ordered by name."""
        return self.derivation.files

    @property
    def indexes(self) -> frozenset[str]:
        """The names of the indexes that what is installed comes from, or is built with."""
        return frozenset((*self.own_indexes, *(file.index for file in self.files)))

    @property
    def environment(self) -> str:
        """The environment's folder name."""
        return environment_name(self.driver.name, self.version, self.key)


@value
class Skip:
    """A driver that is skipped on this host."""

    driver: str
    reason: str
    """One sentence without a final stop."""


@value
class Plan:
    """The actions of a sync: first all builds, then, if all are valid, one switch."""

    wanted: tuple[Wanted, ...]
    """The requested drivers, in the declaration's order."""

    builds: tuple[Wanted, ...]
    """Those of `wanted` whose environment has no receipt yet."""

    kept: tuple[str, ...]
    """Drivers that stay as they are, because the user named others."""

    dropped: tuple[str, ...]
    """Drivers of the current generation that the next one does not have."""

    skips: tuple[Skip, ...]
    declaration: str | None
    """The digest that the next generation records; None keeps the current one."""

    switch: bool
    """Whether a new generation is needed."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.builds and not self.switch


def want(
    *,
    driver: Driver,
    lockfile: Lockfile,
    lock: str,
    target: Target,
    interpreter: Interpreter,
    kernel: tuple[str, str] = ("", ""),
    inherited: tuple[InheritedDistribution, ...] = (),
    options_of: Callable[[str], BuildOptions] = default_options,
) -> Wanted:
    """A driver on one target and interpreter; `kernel` as in `Host`, `inherited` what this host has of it.

    `options_of` says how a package is built.

    Takes the packages that this host needs from those that are locked for all hosts of the target.
    Where a wheel was built from a source when the driver was locked, it takes that.
    Its version is this target's, which may differ from the lockfile's first version.
    """
    here = replace(target, python=interpreter.version, kernel=kernel)
    locked = packages_here(lockfile, target, here)
    builds = tuple(source_builds(lockfile, target, locked, interpreter, options_of))
    taken = {one.source.package: one.wheel or one.source for one in builds}
    files = tuple(
        taken.get(package.name) or chosen_file(package, file)
        for package in locked
        for file in package.files
        if target in file.targets
    )
    driver = settled(driver, lockfile)
    named = (file.version for file in files if file.package == lockfile.inputs.version_of)
    derivation = Derivation(
        driver=driver.name,
        version=next(named, lockfile.version),
        target=str(target),
        python=interpreter.path,
        python_version=interpreter.version,
        cache_tag=interpreter.cache_tag,
        files=files,
        inherited=inherited,
        **settings_of(driver),
    )
    return Wanted(
        driver=driver,
        derivation=derivation,
        key=compute_key(derivation),
        lock=lock,
        target=target,
        interpreter=interpreter,
        here=here,
        locked=locked,
        builds=builds,
        own_indexes=tuple(name for name, _ in lockfile.inputs.indexes_on(target)),
        preferred=_preferred(driver, lockfile, target, derivation.version),
    )


def _preferred(
    driver: Driver, lockfile: Lockfile, target: Target, version: str
) -> Preferred | None:
    """The version on the first Python that the driver names, for the platform; None if it is the same version."""
    if not driver.python:
        return None
    first = replace(target, python=driver.python[0])
    name = lockfile.inputs.version_of
    for package in lockfile.packages_for(first):
        if package.name == name and package.version != version:
            return Preferred(python=first.python, version=package.version)
    return None


def plan_sync(
    *,
    wanted: tuple[Wanted, ...],
    skips: tuple[Skip, ...],
    named: bool,
    declaration: str,
    current: Manifest | None,
    valid: Collection[str],
) -> Plan:
    """Compare the wanted drivers with the current generation.

    With `named`, the user named drivers, and the others stay as they are.
    `valid` has the names of the environments with a receipt.
    """
    before = current.drivers if current is not None else ()
    names = {item.driver.name for item in wanted}
    others = tuple(driver.name for driver in before if driver.name not in names)
    recorded = current.declaration if current is not None else None
    switch = current is None or any(not _is_current(item, current) for item in wanted)
    if not named:
        switch = switch or bool(others) or recorded != declaration
    return Plan(
        wanted=wanted,
        builds=tuple(item for item in wanted if item.environment not in valid),
        kept=others if named else (),
        dropped=() if named else others,
        skips=skips,
        declaration=None if named else declaration,
        switch=switch,
    )


def _is_current(wanted: Wanted, current: Manifest | None) -> bool:
    """Whether the current generation has exactly this driver."""
    entry = current.driver(wanted.driver.name) if current is not None else None
    return (
        entry is not None
        and entry.key == wanted.key
        and entry.version == wanted.version
        and entry.lock == wanted.lock
        and entry.commands == wanted.driver.commands
        and entry.binary.rpartition("/")[2] == wanted.driver.binary
        and entry.shim is not None
    )
