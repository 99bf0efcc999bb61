"""`envbuild lock`: resolve stale drivers, keep every pin that still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_commands import refuse_missing_commands, with_commands
from envbuild.commands.lock_inherit import HostLists
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
    Resolved,
    all_failures,
    driver_lock,
    held_by_rules,
    say_locked,
)
from envbuild.commands.lock_warnings import doubts, note_held_back, note_yanked, unused_sources
from envbuild.conflicts.rules import agreement, check_rules, rule_problems
from envbuild.errors import EnvbuildError, Problem, UnsatisfiableError, UsageError
from envbuild.lockfile.known_files import known_files
from envbuild.lockfile.soundness import unsound_reasons
from envbuild.resolution.reusable_pins import choices_of
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.commands.lock_jobs import LockGroup
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.progress import Progress
    from envbuild.resolution.resolution import (
        MetadataSource,
        Resolver,
    )
    from envbuild.sourcetree.changes import PathChanges

__all__ = ["DriverLock", "LockResult", "Locker", "Upgrade", "check_locks", "targets_of"]


@value
class Locker:
    """Brings lockfiles up to date with a declaration."""

    declaration: Declaration
    folder: LockFolder
    resolver: Resolver
    metadata: MetadataSource
    progress: Progress
    jobs: int
    lists: HostLists = HostLists()
    changes: PathChanges | None = None
    """Says whether path sources were changed; None if nobody asks."""

    def lock(
        self,
        names: tuple[str, ...],
        upgrade: Upgrade,
        *,
        write: bool = True,
        keep_going: bool = False,
    ) -> LockResult:
        """Resolve stale drivers, or what `upgrade` names; all drivers and targets in parallel.

        Drivers that must coexist are resolved together;
        packages that must agree are resolved again until they do, if a locked version allows it.
        If a driver fails, nothing is written; with `keep_going`, the others are written
        if they break no rule together with the lockfiles that stay. The error then has the problems of all.
        Without `write` the result says what would change.
        """
        jobs = read_jobs(self.declaration, self.folder, names, upgrade, self.lists, self.changes)
        _check_lists(self.lists, jobs)
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
        failed = {*_names(found.failures)}
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
        unused = unused_sources(self.declaration, now)
        return LockResult(
            checked=not write,
            drivers=tuple(
                driver_lock(
                    job,
                    locked.get(job.driver.name),
                    checked=not write,
                    warnings=(
                        *doubts(job.previous, locked.get(job.driver.name), self.metadata),
                        *unused.get(job.driver.name, ()),
                    ),
                )
                for job in jobs
                if job.driver.name not in failed
            ),
            undeclared=_undeclared(self.declaration, self.folder),
            broken_rules=check_rules(self.declaration, now, self.folder.shown),
            failures=tuple(dict.fromkeys(failures)),
            lockfiles=_fresh(jobs, locked),
        )

    def _keep_or_resolve(self, groups: list[LockGroup], upgrade: Upgrade) -> Resolved:
        """The lockfiles of all groups; if every pin is reusable, without a resolution, which would give the same."""
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
        found = self._resolve_all(rest, upgrade) if rest else Resolved(locked={})
        return Resolved(locked=kept | found.locked, failures=(*failures, *found.failures))

    def _revalidate(self, kept: dict[str, Lockfile]) -> dict[str, Lockfile]:
        """The lockfiles whose files are all still listed by their indexes, and whose packages fit together.

        Each page is requested once.
        """
        for driver in kept:
            self.progress.stage(driver, "checking that indexes still list every pin")
        choices = {driver: choices_of(lockfile) for driver, lockfile in kept.items()}
        everything = tuple(dict.fromkeys(choice for own in choices.values() for choice in own))
        confirmed = self.metadata.revalidate(everything) if everything else frozenset()
        found = {
            driver: lockfile
            for driver, lockfile in kept.items()
            if confirmed.issuperset(choices[driver]) and not unsound_reasons(lockfile)
        }
        for driver, lockfile in found.items():
            say_locked(self.progress, driver, lockfile)
        return found

    def _resolve_all(
        self, groups: Iterable[LockGroup], upgrade: Upgrade, bounds: tuple[str, ...] = ()
    ) -> Resolved:
        """The lockfiles of all groups; `bounds` are constraints in addition to each driver's own."""
        from envbuild.commands.lock_resolution import GroupResolver

        resolver = GroupResolver(
            declaration=self.declaration,
            resolver=self.resolver,
            metadata=self.metadata,
            progress=self.progress,
            jobs=self.jobs,
            upgrade=upgrade,
            bounds=bounds,
        )
        return resolver.resolve_all(groups)

    def _agree(
        self, groups: tuple[LockGroup, ...], now: dict[str, Lockfile], upgrade: Upgrade
    ) -> dict[str, Lockfile]:
        """Resolve packages that disagree again, with each locked version in turn."""
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


def _check_lists(lists: HostLists, jobs: LockGroup) -> None:
    inheriting = {name for job in jobs for name, _ in job.driver.inherits}
    unknown = [name for name, _ in lists.given if name is not None and name not in inheriting]
    if not unknown and (inheriting or not lists.given):
        return
    message = "none of these drivers takes packages from the host"
    if unknown:
        message += f" in a variant called {unknown[0]!r}"
    hint = "declare `inherit` on one, or leave out `--host-packages`"
    raise UsageError(Problem(key="--host-packages", message=message, hint=hint))


def check_locks(
    declaration: Declaration,
    folder: LockFolder,
    names: tuple[str, ...],
    changes: PathChanges | None = None,
) -> LockResult:
    """List stale lockfiles with the reasons; writes nothing and asks no index."""
    jobs = read_jobs(declaration, folder, names, Upgrade(), changes=changes)
    refuse_missing_commands(jobs, declaration)
    return LockResult(
        checked=True,
        drivers=tuple(driver_lock(job, None, checked=True) for job in jobs),
        undeclared=_undeclared(declaration, folder),
        resolved=False,
        lockfiles=_fresh(jobs, {}),
    )


def _fresh(jobs: LockGroup, locked: Mapping[str, Lockfile]) -> dict[str, Lockfile]:
    """The lockfiles of the jobs that satisfy their declaration."""
    kept = {
        job.driver.name: job.previous
        for job in jobs
        if job.previous is not None and not job.reasons
    }
    return kept | {
        job.driver.name: locked[job.driver.name] for job in jobs if job.driver.name in locked
    }


def _names(failures: Iterable[LockFailure]) -> tuple[str, ...]:
    return tuple(name for failure in failures for name in failure.drivers)


def _undeclared(declaration: Declaration, folder: LockFolder) -> tuple[str, ...]:
    declared = {driver.name for driver in declaration.drivers}
    return tuple(folder.name(name) for name in folder.drivers() if name not in declared)
