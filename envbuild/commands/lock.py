"""`envbuild lock`: resolve what is stale, keep every pin that still fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.commands.selection import select_drivers
from envbuild.errors import (
    EnvbuildError,
    LockfileError,
    NewerFormatError,
    NoError,
    Problem,
    UsageError,
)
from envbuild.first_pins import check_hashes
from envbuild.freshness import compare_inputs, inputs_of
from envbuild.lock import Stale
from envbuild.lock_changes import compare_lockfiles
from envbuild.resolution import Pin, PublishedMetadata, ResolveRequest, merge_resolutions
from envbuild.system.workers import Workers
from envbuild.target import Target, parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration import Declaration, Driver
    from envbuild.first_pins import FirstPin
    from envbuild.lock import Inputs, Lockfile
    from envbuild.lock_changes import Change
    from envbuild.progress import Progress
    from envbuild.resolution import MetadataSource, Resolution, ResolvedFile, Resolver
    from envbuild.system.lock_folder import LockFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Upgrade:
    """Which pins may move although they still fit."""

    everything: bool = False
    packages: tuple[str, ...] = ()
    """Normalised names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverLock:
    """What locking came to for one driver."""

    driver: str
    fresh: bool
    """Whether the lockfile answered its declaration already."""

    reasons: tuple[str, ...]
    """Why it did not, or why it was resolved all the same."""

    changes: tuple[Change, ...]
    """What the new lockfile adds, removes and moves; empty with `--check`."""

    version: str | None
    packages: int | None
    """How many packages are locked; None where there is no lockfile."""

    digest: str
    """`sha256:` and the digest of the lockfile that answered already; empty where it did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LockResult:
    """What `envbuild lock` came to."""

    checked: bool
    """Whether it only looked (`--check`)."""

    drivers: tuple[DriverLock, ...]
    undeclared: tuple[str, ...]
    """Lockfiles of drivers that are not declared."""

    @property
    def all_fresh(self) -> bool:
        """Whether every lockfile answered its declaration already."""
        return all(driver.fresh for driver in self.drivers)

    @property
    def exit_code(self) -> int:
        """1 where something is stale and was to be left so."""
        return 1 if self.checked and not self.all_fresh else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One driver to be resolved."""

    driver: Driver
    inputs: Inputs
    previous: Lockfile | None
    digest: str
    """Of `previous`'s bytes; empty where there is none."""

    reasons: tuple[str, ...]
    first_pins: tuple[FirstPin, ...] = ()
    """What an import left, where there is no lockfile yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Locker:
    """Brings lockfiles up to date with a declaration."""

    declaration: Declaration
    folder: LockFolder
    resolver: Resolver
    metadata: MetadataSource
    progress: Progress
    jobs: int

    def lock(self, names: tuple[str, ...], upgrade: Upgrade) -> LockResult:
        """Resolve what is stale, or what `upgrade` names, all drivers and targets side by side.

        Writes nothing unless every driver could be resolved; the error carries the problems of all.
        """
        jobs = _jobs(self.declaration, self.folder, names, upgrade)
        _check_upgrade(upgrade, jobs)
        stale = [job for job in jobs if job.reasons]
        locked = self._resolve_all(stale, upgrade)
        for lockfile in locked.values():
            self.folder.write(lockfile)
        return LockResult(
            checked=False,
            drivers=tuple(_entry(job, locked.get(job.driver.name)) for job in jobs),
            undeclared=_undeclared(self.declaration, self.folder),
        )

    def _resolve_all(self, jobs: Iterable[_Job], upgrade: Upgrade) -> dict[str, Lockfile]:
        problems: dict[type[EnvbuildError], list[Problem]] = {}
        locked: dict[str, Lockfile] = {}
        with Workers(max_workers=self.jobs) as pool:
            waiting = [
                (
                    job,
                    [
                        pool.submit(self._resolve, job, target, upgrade)
                        for target in targets_of(job.driver)
                    ],
                )
                for job in jobs
            ]
            for job, futures in waiting:
                try:
                    resolutions = tuple(future.result() for future in futures)
                    locked[job.driver.name] = self._merge(job, resolutions)
                except EnvbuildError as error:
                    found = problems.setdefault(type(error), [])
                    found += [self._placed(job.driver, problem) for problem in error.problems]
                    self.progress.done(job.driver.name, "failed")
        if problems:
            raise _worst(problems)
        return locked

    def _placed(self, driver: Driver, problem: Problem) -> Problem:
        """The problem at the driver's own lines, unless it has a place already."""
        if problem.file is not None:
            return problem
        key = problem.key or f"drivers.{driver.name}.requires"
        return replace(problem, file=self.declaration.file, line=driver.requires[0].line, key=key)

    def _resolve(self, job: _Job, target: Target, upgrade: Upgrade) -> Resolution:
        self.progress.stage(job.driver.name, f"resolving for {target}")
        return self.resolver.resolve(
            ResolveRequest(
                driver=job.driver.name,
                requires=job.inputs.requires,
                constraints=job.inputs.constraints,
                overrides=job.inputs.overrides,
                target=target,
                exclude_newer=job.inputs.exclude_newer,
                allow_sdist=job.inputs.allow_sdist,
                pins=_pins(job, target, upgrade),
            )
        )

    def _merge(self, job: _Job, resolutions: tuple[Resolution, ...]) -> Lockfile:
        self.progress.stage(job.driver.name, "reading the packages' own requirements")
        files = {file.sha256: file for resolution in resolutions for file in resolution.files}
        check_hashes(job.first_pins, files.values())
        metadata = self._metadata(job.previous, files)
        names = {file.package for file in files.values()}
        lockfile = merge_resolutions(
            driver=job.driver.name,
            inputs=job.inputs,
            resolutions=resolutions,
            metadata=metadata,
            index_of={name: self.declaration.index_of(name) for name in names},
        )
        self.progress.done(job.driver.name, f"{len(names)} packages")
        return lockfile

    def _metadata(
        self, previous: Lockfile | None, files: Mapping[str, ResolvedFile]
    ) -> Mapping[str, PublishedMetadata]:
        """What the files say; what the previous lockfile says of the same sha256 is not asked again."""
        known = {
            file.sha256: PublishedMetadata(requires=package.requires, size=file.size)
            for package in (previous.packages if previous is not None else ())
            for file in package.files
            if file.sha256 in files
        }
        unknown = tuple(file for sha256, file in files.items() if sha256 not in known)
        return {**known, **self.metadata.fetch(unknown)}


def check_locks(declaration: Declaration, folder: LockFolder, names: tuple[str, ...]) -> LockResult:
    """Say which lockfiles are stale, and why; writes nothing and asks no index."""
    entries = tuple(_entry(job, None) for job in _jobs(declaration, folder, names, Upgrade()))
    return LockResult(checked=True, drivers=entries, undeclared=_undeclared(declaration, folder))


def targets_of(driver: Driver) -> tuple[Target, ...]:
    """Every Python × platform that a driver's lockfile covers, in the order declared."""
    return tuple(
        Target(python=python, platform=parse_platform(platform))
        for python in driver.python
        for platform in driver.platforms
    )


def _jobs(
    declaration: Declaration, folder: LockFolder, names: tuple[str, ...], upgrade: Upgrade
) -> tuple[_Job, ...]:
    """What each selected driver has and wants; NewerFormatError with all that must not be overwritten."""
    jobs: list[_Job] = []
    problems: list[Problem] = []
    for driver in select_drivers(declaration, names):
        try:
            jobs.append(_job(driver, inputs_of(driver, declaration), folder, upgrade))
        except NewerFormatError as error:
            problems += error.problems
    if problems:
        raise NewerFormatError(problems)
    return tuple(jobs)


def _job(driver: Driver, inputs: Inputs, folder: LockFolder, upgrade: Upgrade) -> _Job:
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
        reasons = _reasons(previous, inputs, upgrade)
    return _Job(
        driver=driver,
        inputs=inputs,
        previous=previous,
        digest=digest,
        reasons=reasons,
        first_pins=folder.first_pins(driver.name) if previous is None else (),
    )


def _entry(job: _Job, lockfile: Lockfile | None) -> DriverLock:
    now = lockfile or job.previous
    return DriverLock(
        driver=job.driver.name,
        fresh=not job.reasons,
        reasons=job.reasons,
        changes=compare_lockfiles(job.previous, lockfile) if lockfile is not None else (),
        version=now.version if now is not None else None,
        packages=len({package.name for package in now.packages}) if now is not None else None,
        digest="" if job.reasons else job.digest,
    )


def _undeclared(declaration: Declaration, folder: LockFolder) -> tuple[str, ...]:
    declared = {driver.name for driver in declaration.drivers}
    return tuple(name for name in folder.drivers() if name not in declared)


def _reasons(previous: Lockfile | None, inputs: Inputs, upgrade: Upgrade) -> tuple[str, ...]:
    """Why a driver is resolved; empty where its lockfile stays as it is."""
    if previous is None:
        return ("there is no lockfile",)
    if upgrade.everything:
        return ("an upgrade of everything was asked for",)
    judged = compare_inputs(previous.inputs, inputs)
    reasons = judged.reasons if isinstance(judged, Stale) else ()
    names = {package.name for package in previous.packages}
    return reasons + tuple(
        f"an upgrade of {name} was asked for" for name in upgrade.packages if name in names
    )


def _pins(job: _Job, target: Target, upgrade: Upgrade) -> tuple[Pin, ...]:
    """What the target had before, or, for a new target, what the first one had; at first, what was imported."""
    previous = job.previous
    if upgrade.everything:
        return ()
    if previous is None:
        return tuple(Pin(name=pin.name, version=pin.version) for pin in job.first_pins)
    known = target if target in previous.targets else previous.targets[0]
    return tuple(
        Pin(name=package.name, version=package.version)
        for package in previous.packages_for(known)
        if package.name not in upgrade.packages
    )


def _check_upgrade(upgrade: Upgrade, jobs: tuple[_Job, ...]) -> None:
    locked = {
        package.name
        for job in jobs
        if job.previous is not None
        for package in job.previous.packages
    }
    unknown = [name for name in upgrade.packages if name not in locked]
    if unknown and locked:
        raise UsageError(
            Problem(message=f"--upgrade-package: no lockfile has {name}", hint="check its spelling")
            for name in unknown
        )


def _worst(problems: Mapping[type[EnvbuildError], list[Problem]]) -> EnvbuildError:
    """One error for all: of the kind that has to be mended first."""
    kind = max(problems, key=lambda error: (error.exit_code, error is not NoError))
    everything = [problem for found in problems.values() for problem in found]
    return kind(dict.fromkeys(everything))
