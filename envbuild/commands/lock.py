"""`envbuild lock`: resolve what is stale, keep every pin that still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_commands import refuse_missing_commands, with_commands
from envbuild.commands.lock_jobs import (
    Upgrade,
    check_upgrade,
    lock_groups,
    other_lockfiles,
    read_jobs,
    reusable_lockfiles,
    targets_of,
)
from envbuild.commands.lock_result import (
    DriverLock,
    LockFailure,
    LockResult,
    all_failures,
    driver_lock,
    held_by_rules,
)
from envbuild.commands.lock_warnings import doubts, note_held_back, note_yanked, with_held_back
from envbuild.conflicts.rules import agreement, check_rules, rule_problems
from envbuild.errors import EnvbuildError, UnsatisfiableError, UsageError
from envbuild.lockfile.known_files import known_files
from envbuild.lockfile.soundness import unsound_reasons
from envbuild.resolution.reusable_pins import choices_of
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.commands.lock_jobs import LockGroup
    from envbuild.commands.lock_merge import KnownByTarget
    from envbuild.declaration.declaration import Declaration
    from envbuild.errors import Problem
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.posix.workers import Workers
    from envbuild.progress import Progress
    from envbuild.resolution.resolution import (
        KnownPackage,
        MetadataSource,
        Resolution,
        Resolver,
    )
    from envbuild.target.target import Target

__all__ = ["DriverLock", "LockResult", "Locker", "Upgrade", "check_locks", "targets_of"]


@value
class _Resolved:
    """What resolving several groups came to."""

    locked: dict[str, Lockfile]
    failures: tuple[LockFailure, ...] = ()


@value
class Locker:
    """Brings lockfiles up to date with a declaration."""

    declaration: Declaration
    folder: LockFolder
    resolver: Resolver
    metadata: MetadataSource
    progress: Progress
    jobs: int

    def lock(
        self,
        names: tuple[str, ...],
        upgrade: Upgrade,
        *,
        write: bool = True,
        keep_going: bool = False,
    ) -> LockResult:
        """Resolve what is stale, or what `upgrade` names, all drivers and targets side by side.

        Drivers that must coexist are resolved as one;
        packages that must agree are resolved again until they do, where any locked version allows it.
        Writes nothing unless every driver could be resolved, or with `keep_going` what could be
        and breaks no rule beside the lockfiles that stay; else the error carries the problems of all.
        Without `write` the result says what would change.
        """
        jobs = read_jobs(self.declaration, self.folder, names, upgrade)
        check_upgrade(upgrade, jobs)
        refuse_missing_commands(jobs, self.declaration)
        known = other_lockfiles(self.declaration, self.folder, jobs)
        known |= {job.driver.name: job.previous for job in jobs if job.previous is not None}
        digests = known_files(known.values())
        jobs = tuple(replace(job, fleet_files=digests) for job in jobs)
        groups = lock_groups(jobs, self.declaration)
        stale = [group for group in groups if any(job.reasons for job in group)]
        found = self._keep_or_resolve(stale, upgrade)
        if found.failures and not keep_going:
            raise all_failures(found.failures, tuple(found.locked))
        failed = {name for failure in found.failures for name in failure.drivers}
        sound = tuple(group for group in groups if group[0].driver.name not in failed)
        locked = found.locked
        locked |= self._agree(sound, {**known, **locked}, upgrade)
        held = held_by_rules(self.declaration, sound, known, locked, failed)
        locked = {name: lockfile for name, lockfile in locked.items() if name not in held}
        locked = note_yanked(locked, known, self.metadata)
        locked = note_held_back(locked, known, self.metadata)
        now = {**known, **locked}
        if problems := rule_problems(self.declaration, now):
            raise UsageError(problems)
        for lockfile in locked.values() if write else ():
            self.folder.write(lockfile)
        failures = (*found.failures, *held.values())
        failed |= held.keys()
        return LockResult(
            checked=not write,
            drivers=tuple(
                driver_lock(
                    job,
                    locked.get(job.driver.name),
                    checked=not write,
                    warnings=doubts(job.previous, locked.get(job.driver.name), self.metadata),
                )
                for job in jobs
                if job.driver.name not in failed
            ),
            undeclared=_undeclared(self.declaration, self.folder),
            broken_rules=check_rules(self.declaration, now, self.folder.shown),
            failures=tuple(dict.fromkeys(failures)),
        )

    def _keep_or_resolve(self, groups: list[LockGroup], upgrade: Upgrade) -> _Resolved:
        """The lockfiles of all groups; where every pin stands, without a resolution, which would say the same."""
        keeping = {
            job.driver.name: (job, keep) for job, keep in reusable_lockfiles(groups, upgrade)
        }
        kept = self._revalidate({name: keep for name, (_, keep) in keeping.items()})
        failures, file = [], self.declaration.file
        for name, lockfile in tuple(kept.items()):
            try:
                kept[name] = with_commands(keeping[name][0], lockfile, {}, self.metadata, file)
            except EnvbuildError as error:
                failures.append(LockFailure(drivers=(name,), error=error))
                del kept[name]
        rest = [group for group in groups if group[0].driver.name not in {*kept, *_names(failures)}]
        found = self._resolve_all(rest, upgrade) if rest else _Resolved(locked={})
        return _Resolved(locked=kept | found.locked, failures=(*failures, *found.failures))

    def _revalidate(self, kept: dict[str, Lockfile]) -> dict[str, Lockfile]:
        """Those of the lockfiles whose every file their indexes would give today, and that hold together.

        Each page is asked for once.
        """
        for driver in kept:
            self.progress.stage(driver, "looking whether indexes still offer every pin")
        choices = {driver: choices_of(lockfile) for driver, lockfile in kept.items()}
        everything = tuple(dict.fromkeys(choice for own in choices.values() for choice in own))
        confirmed = self.metadata.revalidate(everything) if everything else frozenset()
        found = {
            driver: lockfile
            for driver, lockfile in kept.items()
            if confirmed.issuperset(choices[driver]) and not unsound_reasons(lockfile)
        }
        for driver, lockfile in found.items():
            self._say_locked(driver, lockfile)
        return found

    def _say_locked(self, driver: str, lockfile: Lockfile) -> None:
        names = {package.name for package in lockfile.packages}
        self.progress.done(driver, f"{len(names)} package{'s' * (len(names) != 1)}")

    def _resolve_all(
        self,
        groups: Iterable[LockGroup],
        upgrade: Upgrade,
        bounds: tuple[str, ...] = (),
    ) -> _Resolved:
        """The lockfiles of all groups; `bounds` hold beside each driver's own constraints."""
        from envbuild.posix.workers import Workers

        failures: list[LockFailure] = []
        locked: dict[str, Lockfile] = {}
        with Workers(max_workers=self.jobs) as pool:
            waiting = [
                (
                    group,
                    [
                        pool.submit(self._resolve, group, target, upgrade, bounds)
                        for target in _targets(group)
                    ],
                )
                for group in groups
            ]
            for group, futures in waiting:
                try:
                    resolutions = tuple(future.result() for future in futures)
                    locked |= self._merge_until_sound(group, resolutions, upgrade, bounds, pool)
                except EnvbuildError as error:
                    placed = error.with_problems(
                        self._placed(group, problem) for problem in error.problems
                    )
                    names = tuple(job.driver.name for job in group)
                    failures.append(LockFailure(drivers=names, error=placed))
                    for name in names:
                        self.progress.done(name, "failed")
        return _Resolved(locked=locked, failures=tuple(failures))

    def _placed(self, group: LockGroup, problem: Problem) -> Problem:
        """The problem at the driver's own lines, or at the rule's, unless it has a place already."""
        if problem.file is not None:
            return problem
        driver = group[0].driver
        if len(group) > 1:
            names = [job.driver.name for job in group]
            rules = (rule for rule in self.declaration.coexist if set(rule.drivers) & set(names))
            hint = (
                f"`envbuild conflicts {' '.join(names)}` compares what each has locked; "
                "widen a range of one, or take one out of the rule"
            )
            return replace(
                problem,
                file=self.declaration.file,
                line=next(rules).line,
                key="coexist.drivers",
                hint=hint,
            )
        key = problem.key or f"drivers.{driver.name}.requires"
        return replace(problem, file=self.declaration.file, line=driver.requires[0].line, key=key)

    def _resolve(
        self,
        group: LockGroup,
        target: Target,
        upgrade: Upgrade,
        bounds: tuple[str, ...],
        told: tuple[KnownPackage, ...] = (),
    ) -> Resolution:
        from envbuild.commands.lock_resolution import TargetResolver

        there = tuple(job for job in group if target in targets_of(job.driver))
        for job in there:
            self.progress.stage(job.driver.name, f"resolving for {target}")
        resolver = TargetResolver(
            resolver=self.resolver,
            metadata=self.metadata,
            told=told,
        )
        return resolver.resolve(there, target, upgrade, bounds)

    def _merge_until_sound(
        self,
        group: LockGroup,
        resolutions: tuple[Resolution, ...],
        upgrade: Upgrade,
        bounds: tuple[str, ...],
        pool: Workers,
    ) -> dict[str, Lockfile]:
        """Each driver's lockfile, in which nothing is unmet."""
        from envbuild.commands.lock_merge import Merger

        def resolve(told: KnownByTarget) -> dict[Target, Resolution]:
            waiting = {
                target: pool.submit(self._resolve, group, target, upgrade, bounds, known)
                for target, known in told.items()
            }
            return {target: future.result() for target, future in waiting.items()}

        merger = Merger(
            declaration=self.declaration,
            metadata=self.metadata,
            progress=self.progress,
            resolve=resolve,
        )
        locked = merger.merge_until_sound(group, resolutions, upgrade)
        files = {file.sha256: file for resolution in resolutions for file in resolution.files}
        for job in group:
            merged = locked[job.driver.name]
            try:
                locked[job.driver.name] = with_commands(
                    job, merged, files, self.metadata, self.declaration.file
                )
            except UsageError as error:
                raise with_held_back(error, merged, self.metadata) from error
            self._say_locked(job.driver.name, locked[job.driver.name])
        return locked

    def _agree(
        self, groups: tuple[LockGroup, ...], now: dict[str, Lockfile], upgrade: Upgrade
    ) -> dict[str, Lockfile]:
        """Resolve once more what disagrees on a package, with each locked version in turn."""
        bounds: tuple[str, ...] = ()
        moved: dict[str, Lockfile] = {}
        for rule in self.declaration.agree:
            for package in rule.packages:
                concerned = [
                    group
                    for group in groups
                    if {job.driver.name for job in group} & set(rule.drivers)
                ]
                for version in agreement(rule, package, {**now, **moved}):
                    tried = (*bounds, f"{package}=={version}")
                    found = self._resolve_all(concerned, upgrade, tried)
                    worse = [
                        f
                        for f in found.failures
                        if not isinstance(f.error, UnsatisfiableError | UsageError)
                    ]
                    if worse:
                        raise all_failures(worse, ())
                    if found.failures:
                        continue
                    if not agreement(rule, package, {**now, **moved, **found.locked}):
                        moved |= found.locked
                        bounds = tried
                        break
        return moved


def check_locks(declaration: Declaration, folder: LockFolder, names: tuple[str, ...]) -> LockResult:
    """Say which lockfiles are stale, and why; writes nothing and asks no index."""
    jobs = read_jobs(declaration, folder, names, Upgrade())
    refuse_missing_commands(jobs, declaration)
    return LockResult(
        checked=True,
        drivers=tuple(driver_lock(job, None, checked=True) for job in jobs),
        undeclared=_undeclared(declaration, folder),
        resolved=False,
    )


def _names(failures: Iterable[LockFailure]) -> tuple[str, ...]:
    return tuple(name for failure in failures for name in failure.drivers)


def _undeclared(declaration: Declaration, folder: LockFolder) -> tuple[str, ...]:
    declared = {driver.name for driver in declaration.drivers}
    return tuple(folder.name(name) for name in folder.drivers() if name not in declared)


def _targets(group: LockGroup) -> tuple[Target, ...]:
    """Every target of any of the group's drivers."""
    return tuple(dict.fromkeys(target for job in group for target in targets_of(job.driver)))
