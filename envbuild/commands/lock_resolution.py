"""Resolve groups of drivers, every target, until the lockfiles are sound.

Locked METADATA is used first, and checked afterwards.
"""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING

from envbuild.commands.lock_commands import with_commands
from envbuild.commands.lock_jobs import known_of, pins_of, targets_of
from envbuild.commands.lock_merge import Merger
from envbuild.commands.lock_result import LockFailure, Resolved, say_locked
from envbuild.commands.lock_warnings import with_held_back
from envbuild.declaration.index import bound_index
from envbuild.declaration.source import PATH, kind_of, origin_words
from envbuild.errors import (
    EnvbuildError,
    IndexFailureError,
    Problem,
    UnsatisfiableError,
    UsageError,
)
from envbuild.lockfile.builds import has_sources
from envbuild.lockfile.known_files import NamedFile, replaced_files
from envbuild.posix.workers import Workers
from envbuild.resolution.joint_request import joint_inherited, joint_inputs_request
from envbuild.resolution.known_packages import newly_asked, unconfirmed
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from envbuild.commands.lock_jobs import Job, LockGroup, Upgrade
    from envbuild.commands.lock_merge import KnownByTarget
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.difference import FileChange
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.progress import Progress
    from envbuild.resolution.resolution import (
        KnownPackage,
        MetadataSource,
        Resolution,
        ResolvedFile,
        Resolver,
        ResolveRequest,
    )
    from envbuild.target.target import Target

_TRIES = 2
"""Resolutions with locked METADATA before one without."""


@value
class GroupResolver:
    """Locks groups of drivers, all targets in parallel: resolve, merge, and resolve again until they are sound."""

    declaration: Declaration
    resolver: Resolver
    metadata: MetadataSource
    progress: Progress
    jobs: int
    """How many resolutions run at the same time."""

    upgrade: Upgrade
    bounds: tuple[str, ...]
    """Constraints in addition to each driver's own."""

    def resolve_all(self, groups: Iterable[LockGroup]) -> Resolved:
        """The lockfiles of all groups, and the failures."""
        failures: list[LockFailure] = []
        locked: dict[str, Lockfile] = {}
        with Workers(max_workers=self.jobs) as pool:
            for group, futures in self._begin(tuple(groups), pool):
                try:
                    resolutions = _fitting(group, futures)
                    locked |= self._merge_until_sound(group, resolutions, pool)
                except EnvbuildError as error:
                    placed = error.with_problems(
                        self._placed(group, problem) for problem in error.problems
                    )
                    names = tuple(job.driver.name for job in group)
                    failures.append(LockFailure(drivers=names, error=placed))
                    for name in names:
                        self.progress.failed(name, "failed")
        return Resolved(locked=locked, failures=tuple(failures))

    def _begin(
        self, groups: tuple[LockGroup, ...], pool: Workers
    ) -> list[tuple[LockGroup, list[Future[Resolution]]]]:
        """Have every target resolved; one target of each group first, so that all wait for their pages at once.

        Each other target waits for the one that is most like it, whose answer may be its own.
        """
        begun = [
            (group, {first: pool.submit(self._resolve, group, first)})
            for group in groups
            for first in _targets(group)[:1]
        ]
        for group, found in begun:
            self._add(group, dict.fromkeys(_targets(group)[1:], ()), found, pool)
        return [(group, [found[target] for target in _targets(group)]) for group, found in begun]

    def _add(
        self,
        group: LockGroup,
        told: KnownByTarget,
        found: dict[Target, Future[Resolution]],
        pool: Workers,
    ) -> None:
        """Have targets resolved when the most similar one of those that were submitted before has ended."""
        for target in _one_of_each_python_first(told):
            before = _most_alike(target, found)
            found[target] = pool.submit(self._resolve_after, before, group, target, told[target])

    def _resolve_after(
        self,
        before: Future[Resolution] | None,
        group: LockGroup,
        target: Target,
        told: tuple[KnownPackage, ...],
    ) -> Resolution:
        """Resolve a target when another one has ended, well or not."""
        if before is not None:
            wait((before,))
        return self._resolve(group, target, told)

    def _placed(self, group: LockGroup, problem: Problem) -> Problem:
        """The problem at the driver's line, or at the rule's, unless it has a place already."""
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
        lines = (one.line for one in driver.sources if key == f"sources.{one.package}")
        line = next(lines, driver.requires[0].line)
        return replace(problem, file=self.declaration.file, line=line, key=key)

    def _resolve(
        self, group: LockGroup, target: Target, told: tuple[KnownPackage, ...] = ()
    ) -> Resolution:
        there = tuple(job for job in group if target in targets_of(job.driver))
        for job in there:
            self.progress.stage(job.driver.name, f"resolving for {target}")
        resolver = TargetResolver(
            resolver=self.resolver,
            metadata=self.metadata,
            told=told,
        )
        return resolver.resolve(there, target, self.upgrade, self.bounds)

    def _merge_until_sound(
        self, group: LockGroup, resolutions: tuple[Resolution, ...], pool: Workers
    ) -> dict[str, Lockfile]:
        """Each driver's sound lockfile."""

        def resolve(told: KnownByTarget) -> dict[Target, Resolution]:
            waiting: dict[Target, Future[Resolution]] = {}
            self._add(group, told, waiting, pool)
            return {target: future.result() for target, future in waiting.items()}

        merger = Merger(
            declaration=self.declaration,
            metadata=self.metadata,
            progress=self.progress,
            resolve=resolve,
        )
        locked = merger.merge_until_sound(group, resolutions, self.upgrade)
        files = {file.sha256: file for resolution in resolutions for file in resolution.files}
        for job in group:
            merged = locked[job.driver.name]
            try:
                complete = with_commands(job, merged, files, self.metadata, self.declaration.file)
            except UsageError as error:
                raise with_held_back(error, merged, self.metadata) from error
            locked[job.driver.name] = self._with_builds(job, complete, pool)
            say_locked(self.progress, job.driver.name, locked[job.driver.name])
        return locked

    def _with_builds(self, job: Job, lockfile: Lockfile, pool: Workers) -> Lockfile:
        """The lockfile with what building its sources requires."""
        if not has_sources(lockfile):
            return lockfile
        from envbuild.commands.lock_builds import BuildLocker

        self.progress.stage(job.driver.name, "resolving what its sources require to be built")
        locker = BuildLocker(
            declaration=self.declaration,
            resolver=self.resolver,
            metadata=self.metadata,
            upgrade=self.upgrade,
        )
        return locker.with_builds(job, lockfile, pool)


def _fitting(group: LockGroup, futures: Iterable[Future[Resolution]]) -> tuple[Resolution, ...]:
    """The resolutions of the Pythons that packages allow; all of them for drivers that name their Pythons.

    UnsatisfiableError if nothing satisfies a Python that is named, or any that is not.
    """
    found: list[Resolution] = []
    refused: dict[str, UnsatisfiableError] = {}
    for target, future in zip(_targets(group), futures, strict=True):
        try:
            found.append(future.result())
        except UnsatisfiableError as error:
            if any(job.driver.python for job in group if target in targets_of(job.driver)):
                raise
            refused.setdefault(target.python, error)
    kept = tuple(one for one in found if one.target.python not in refused)
    if refused and not kept:
        raise refused.get(_TYPICAL) or next(iter(refused.values()))
    return kept


_TYPICAL = "3.12"
"""Whose error is shown if a driver without `python` cannot be locked for any: most wheels are for it."""


def _one_of_each_python_first(targets: Iterable[Target]) -> list[Target]:
    seen: set[tuple[str | None, str]] = set()
    others: list[Target] = []
    firsts: list[Target] = []
    for target in targets:
        kind = (target.variant, target.python)
        (others if kind in seen else firsts).append(target)
        seen.add(kind)
    return [*firsts, *others]


def _most_alike(
    target: Target, found: Mapping[Target, Future[Resolution]]
) -> Future[Resolution] | None:
    """The resolution of the same variant for the same Python, else for another; None if there is none."""
    alike = [one for one in found if one.variant == target.variant]
    alike.sort(key=lambda one: one.python != target.python)
    return found[alike[0]] if alike else None


def _targets(group: LockGroup) -> tuple[Target, ...]:
    """Every target of any of the group's drivers."""
    return tuple(dict.fromkeys(target for job in group for target in targets_of(job.driver)))


@value
class TargetResolver:
    """Resolves one target at a time; the result is the same as without locked METADATA."""

    resolver: Resolver
    metadata: MetadataSource
    told: tuple[KnownPackage, ...] = ()
    """METADATA of files that counts in any case."""

    def resolve(
        self, group: LockGroup, target: Target, upgrade: Upgrade, bounds: tuple[str, ...]
    ) -> Resolution:
        """The packages of the drivers that have the target; `bounds` are additional constraints.

        IndexFailureError if a locked file has new content, and no upgrade names its package.
        """
        request = joint_inputs_request(
            tuple(job.driver.name for job in group),
            tuple(job.inputs for job in group),
            target,
            pins_of(group, target, upgrade),
        )
        request = replace(
            request,
            constraints=(*request.constraints, *bounds),
            told=self.told,
            targets=_targets(group),
            inherited=joint_inherited((job.inherited for job in group), target),
        )
        if len(group) == 1:
            request = replace(request, known=known_of(group[0], target, upgrade))
        for _ in range(_TRIES):
            if not request.known:
                break
            found = self._ask(request, group, upgrade)
            doubted = self._doubted(group[0], request, found)
            if not doubted:
                return found
            known = tuple(package for package in request.known if package.name not in doubted)
            request = replace(request, known=known)
        return self._ask(replace(request, known=()), group, upgrade)

    def _ask(self, request: ResolveRequest, group: LockGroup, upgrade: Upgrade) -> Resolution:
        """Resolve, and refuse files with new content at once."""
        found = self.resolver.resolve(request)
        named = [
            NamedFile(file.package, file.version, file.file, file.sha256)
            for file in found.files
            if file.package not in upgrade.packages and not _is_here(file)
        ]
        replaced = [file for job in group for file in replaced_files(job.known_files, named)]
        if replaced:
            raise IndexFailureError(_changed(file, request) for file in dict.fromkeys(replaced))
        return found

    def _doubted(self, job: Job, request: ResolveRequest, found: Resolution) -> frozenset[str]:
        """The packages whose METADATA may differ on their index from what the resolution used."""
        names = unconfirmed(request.known, found)
        left = tuple(package for package in request.known if package.name in names)
        if left:
            names -= self.metadata.still_listed(left)
        return names | self._newly_asked(job, request, found)

    def _newly_asked(self, job: Job, request: ResolveRequest, found: Resolution) -> frozenset[str]:
        """Whether the resolution requests more of a known package than its lockfile knows."""
        if job.previous is None:
            return frozenset()
        known = {package.sha256: package.requires for package in request.known}
        others = tuple(file for file in found.files if file.sha256 not in known)
        told = self.metadata.fetch(others) if others else {}
        requires = known | {sha256: metadata.requires for sha256, metadata in told.items()}
        published = {file.package: requires[file.content] for file in found.files}
        published |= {package.name: package.requires for package in request.inherited}
        asked = newly_asked(job.previous, job.inputs, request.target, published)
        return asked & {package.name for package in request.known}


def _is_here(file: ResolvedFile) -> bool:
    """Whether a file comes from a path beside the declaration, where it may change."""
    return kind_of(file.index) == PATH


def _changed(file: FileChange, request: ResolveRequest) -> Problem:
    return Problem(
        message=(
            f"{origin_words(bound_index(request.indexes, file.package), file.package)} has a file {file.name} "
            "that differs from the locked one"
        ),
        detail=f"locked: sha256 {file.before}\nnow: sha256 {file.after}",
        hint="find out from its operator who changed it; "
        f"`envbuild lock --upgrade-package {file.package}` accepts it",
    )
