"""The jobs of `envbuild lock`: each driver with its inputs, its lockfile, and why it is resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_inherit import HostLists, host_reasons, inherited_packages
from envbuild.commands.selection import select_drivers
from envbuild.conflicts.rules import coexist_groups, rule_reasons
from envbuild.declaration.index import bound_index
from envbuild.declaration.source import is_source
from envbuild.errors import LockfileError, NewerFormatError, Problem, UsageError
from envbuild.lockfile.builds import build_reasons, locked_names
from envbuild.lockfile.freshness import command_reasons, in_effect, input_reasons, inputs_of
from envbuild.lockfile.known_files import known_files
from envbuild.lockfile.soundness import unsound_reasons
from envbuild.nearest_name import name_hint
from envbuild.resolution.resolution import Pin
from envbuild.resolution.reusable_pins import keep_every_pin
from envbuild.target.target import Target, parse_platform
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.first_pins import FirstPin
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.known_files import Known
    from envbuild.lockfile.lockfile import Inputs, LockedPackage, Lockfile
    from envbuild.resolution.resolution import KnownPackage
    from envbuild.sourcetree.changes import PathChanges


NO_LOCKFILE = "there is no lockfile"
"""The reason for a driver's first lockfile."""


@value
class Upgrade:
    """The pins that may change although they still fit."""

    everything: bool = False
    packages: tuple[str, ...] = ()
    """Normalised names."""


@value
class Job:
    """A driver to resolve."""

    driver: Driver
    inputs: Inputs
    previous: Lockfile | None
    digest: str
    """The digest of `previous`'s bytes; empty if there is none."""

    reasons: tuple[str, ...]
    first_pins: tuple[FirstPin, ...] = ()
    """Pins from an import, if there is no lockfile yet."""

    inherited: tuple[LockedPackage, ...] = ()
    """The packages of the host that it is locked with."""

    fleet_files: Known = field(default_factory=dict)
    """The files in the lockfiles of all drivers; none may return with other content."""

    @property
    def known_files(self) -> Known:
        """The files of its own lockfile, and for other names those of the fleet."""
        own = () if self.previous is None else (self.previous,)
        return {**self.fleet_files, **known_files(own)}


LockGroup = tuple[Job, ...]
"""Drivers that are resolved together, because a rule wants them to coexist; usually one."""


def targets_of(driver: Driver) -> tuple[Target, ...]:
    """Every Python × platform × variant of a driver's lockfile, in the declared order."""
    return tuple(
        Target(python=python, platform=parse_platform(platform), variant=variant)
        for python in driver.pythons
        for platform in driver.platforms
        for variant in tuple(variant.name for variant in driver.variants) or (None,)
    )


def read_jobs(
    declaration: Declaration,
    folder: LockFolder,
    names: tuple[str, ...],
    upgrade: Upgrade,
    lists: HostLists | None = None,
    changes: PathChanges | None = None,
) -> LockGroup:
    """The job of each selected driver; NewerFormatError with all lockfiles that must not be overwritten.

    Without `lists`, nothing is known of hosts but what lockfiles say.
    `changes` says whether the path sources of a driver were changed.
    """
    jobs: list[Job] = []
    problems: list[Problem] = []
    for driver in select_drivers(declaration, with_companions(declaration, names)):
        try:
            jobs.append(_job(driver, declaration, folder, upgrade))
        except NewerFormatError as error:
            problems += error.problems
    if problems:
        raise NewerFormatError(problems)
    if lists is not None:
        jobs = [_with_host(job, lists) for job in jobs]
    if changes is not None:
        jobs = [_with_changes(job, changes) for job in jobs]
    return _with_rules(tuple(jobs), declaration, folder)


def _with_changes(job: Job, changes: PathChanges) -> Job:
    if job.previous is None or job.reasons:
        return job
    return replace(job, reasons=changes.reasons(job.previous, job.driver))


def _with_host(job: Job, lists: HostLists) -> Job:
    """The job with its packages of the host; what changed in them is one more reason."""
    inherited = inherited_packages(job.driver, targets_of(job.driver), job.previous, lists)
    reasons = job.reasons
    if job.previous is not None and not reasons:
        reasons = host_reasons(inherited, job.previous)
    return replace(job, inherited=inherited, reasons=reasons)


def with_companions(declaration: Declaration, names: tuple[str, ...]) -> tuple[str, ...]:
    """The named drivers and the enabled ones that must coexist with one of them."""
    select_drivers(declaration, names)
    companions = [
        name
        for group in coexist_groups(declaration)
        if set(group) & set(names)
        for name in group
        if (driver := declaration.driver(name)) is not None and driver.enabled
    ]
    return tuple(dict.fromkeys((*names, *companions)))


def lock_groups(jobs: LockGroup, declaration: Declaration) -> tuple[LockGroup, ...]:
    """All jobs; those of drivers that must coexist are grouped."""
    groups: list[LockGroup] = []
    taken: set[str] = set()
    for group in coexist_groups(declaration):
        members = tuple(job for job in jobs if job.driver.name in group)
        taken |= {job.driver.name for job in members}
        if members:
            groups.append(members)
    groups += [(job,) for job in jobs if job.driver.name not in taken]
    return tuple(groups)


def _with_rules(jobs: LockGroup, declaration: Declaration, folder: LockFolder) -> LockGroup:
    """The jobs with broken rules, and with stale drivers of their group, as reasons."""
    if not declaration.coexist and not declaration.agree:
        return jobs
    lockfiles = {job.driver.name: job.previous for job in jobs if job.previous is not None}
    reasons = rule_reasons(declaration, {**other_lockfiles(declaration, folder, jobs), **lockfiles})
    ruled = {
        job.driver.name: replace(job, reasons=job.reasons or reasons.get(job.driver.name, ()))
        for job in jobs
    }
    for group in coexist_groups(declaration):
        stale = [name for name in group if name in ruled and ruled[name].reasons]
        for name in group:
            if stale and name in ruled and not ruled[name].reasons:
                together = (f"it is locked together with {stale[0]}",)
                ruled[name] = replace(ruled[name], reasons=together)
    return tuple(ruled.values())


def other_lockfiles(
    declaration: Declaration, folder: LockFolder, jobs: LockGroup
) -> dict[str, Lockfile]:
    """The lockfiles of enabled drivers without a job; a damaged one is left out."""
    mine = {job.driver.name for job in jobs}
    enabled = (driver.name for driver in declaration.drivers if driver.enabled)
    return folder.readable(name for name in enabled if name not in mine)


def _job(driver: Driver, declaration: Declaration, folder: LockFolder, upgrade: Upgrade) -> Job:
    inputs = inputs_of(driver, declaration)
    previous: Lockfile | None = None
    digest = ""
    try:
        stored = folder.read(driver.name)
    except NewerFormatError:
        raise
    except LockfileError as error:
        reasons = tuple(problem.message for problem in error.problems)
    else:
        if stored is not None:
            previous, digest = stored.lockfile, stored.digest
        reasons = _reasons(previous, driver, inputs, declaration, upgrade)
    return Job(
        driver=driver,
        inputs=inputs,
        previous=previous,
        digest=digest,
        reasons=reasons,
        first_pins=folder.first_pins(driver.name) if previous is None else (),
    )


def _reasons(
    previous: Lockfile | None,
    driver: Driver,
    inputs: Inputs,
    declaration: Declaration,
    upgrade: Upgrade,
) -> tuple[str, ...]:
    """Why a driver is resolved; empty if its lockfile stays."""
    if previous is None:
        return (NO_LOCKFILE,)
    if upgrade.everything:
        return ("an upgrade of everything was requested",)
    reasons = (
        input_reasons(previous.inputs, in_effect(previous, inputs))
        or command_reasons(previous, driver)
        or build_reasons(previous, declaration)
    )
    names = locked_names(previous)
    if not reasons:
        reasons = tuple(f"it is inconsistent: {text}" for text in unsound_reasons(previous))
    return reasons + tuple(
        f"an upgrade of {name} was requested" for name in upgrade.packages if name in names
    )


def pins_of(group: LockGroup, target: Target, upgrade: Upgrade) -> tuple[Pin, ...]:
    """The versions that a group keeps if they fit; if its drivers have several, the first's."""
    found: dict[str, Pin] = {}
    for job in group:
        for pin in _pins(job, target, upgrade):
            found.setdefault(pin.name, pin)
    return tuple(found.values())


def _pins(job: Job, target: Target, upgrade: Upgrade) -> tuple[Pin, ...]:
    """The target's earlier pins; for a new target those of the first one; at first, imported ones."""
    previous = job.previous
    if upgrade.everything:
        return ()
    if previous is None:
        return tuple(Pin(name=pin.name, version=pin.version) for pin in job.first_pins)
    known = _alike(target, previous.targets)
    return tuple(
        Pin(name=package.name, version=package.version)
        for package in previous.packages_for(known)
        if package.name not in upgrade.packages
    )


def _alike(target: Target, targets: tuple[Target, ...]) -> Target:
    """The target itself, else the first of its variant, else the first of all."""
    if target in targets:
        return target
    own = (one for one in targets if one.variant == target.variant)
    return next(own, targets[0])


def known_of(job: Job, target: Target, upgrade: Upgrade) -> tuple[KnownPackage, ...]:
    """Known packages of a target from a driver's lockfile; without packages whose pins are given up.

    Without packages that come from another index now.

    Empty if an override has changed: the lockfile lacks requirements that the old override replaced.
    """
    previous = job.previous
    if previous is None or upgrade.everything or target not in previous.targets:
        return ()
    if previous.inputs.overrides != job.inputs.overrides:
        return ()
    from envbuild.resolution.known_packages import known_packages

    return tuple(
        package
        for package in known_packages(previous, target)
        if package.name not in upgrade.packages
        and not is_source(package.index)  # its one file's METADATA is asked for again at once
        and package.index == bound_index(job.inputs.indexes_on(target), package.name)
    )


def reusable_lockfiles(
    groups: Iterable[LockGroup], upgrade: Upgrade
) -> Iterator[tuple[Job, Lockfile]]:
    """The jobs whose pins are all reusable, each with its new lockfile.

    There is none if a pin may change although it fits, if drivers are locked together, or if a rule wants a change:
    then there is a choice to make.
    """
    if upgrade != Upgrade():
        return
    for job, *others in groups:
        if others or job.previous is None or job.previous.inputs == job.inputs:
            continue
        kept = keep_every_pin(job.previous, job.inputs)
        if kept is not None and not host_reasons(job.inherited, kept):
            yield job, kept


def check_upgrade(upgrade: Upgrade, jobs: LockGroup) -> None:
    """UsageError if `--upgrade-package` names a package that no lockfile has."""
    locked = {
        name for job in jobs if job.previous is not None for name in locked_names(job.previous)
    }
    unknown = [name for name in upgrade.packages if name not in locked]
    if unknown and locked:
        raise UsageError(
            Problem(
                key="--upgrade-package",
                message=f"no lockfile has {name}",
                hint=name_hint(name, sorted(locked)),
            )
            for name in unknown
        )
