"""`envbuild lock --cross-check`: a second resolver resolves what the first has locked, and both are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_jobs import Job, Upgrade
from envbuild.commands.lock_merge import Merger
from envbuild.commands.lock_resolution import TargetResolver
from envbuild.commands.lock_result import CrossCheck, NoSet
from envbuild.conflicts.rules import coexist_groups
from envbuild.declaration.resolvers import other_resolver, refused_keys
from envbuild.errors import UnsatisfiableError
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.picks import Explainer, compare_picks, picks_of
from envbuild.posix.workers import Workers
from envbuild.target.target import parse_platform
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.declaration.resolvers import ResolverKind
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.lockfile.picks import Difference
    from envbuild.progress import Progress
    from envbuild.resolution.resolution import (
        KnownPackage,
        MetadataSource,
        Resolution,
        Resolver,
    )
    from envbuild.target.target import Interpreter, Target

_MOST_QUESTIONS = 20
"""Resolutions of one driver that only explain differences."""


@value
class CrossChecker:
    """Has each driver resolved again by the resolver that did not lock it."""

    declaration: Declaration
    resolver: Resolver
    metadata: MetadataSource
    progress: Progress
    jobs: int
    """How many resolutions run at the same time."""

    python_for: Callable[[Target], Interpreter | str]
    """As in `ResolverTools`."""

    def check(self, lockfiles: Mapping[str, Lockfile], upgrade: Upgrade) -> tuple[CrossCheck, ...]:
        """Judge fresh lockfiles, in the declaration's order.

        The second resolver gets the locked versions as preferences, unless `upgrade` lets them move:
        so it says whether it accepts them, and after an upgrade what it chooses by itself.
        Errors of indexes and of the host as in `Resolver`.
        """
        drivers = [one for one in self.declaration.drivers if one.name in lockfiles]
        return tuple(self._check(one, lockfiles[one.name], upgrade) for one in drivers)

    def _check(self, driver: Driver, lockfile: Lockfile, upgrade: Upgrade) -> CrossCheck:
        judge = other_resolver(driver.resolver)
        result = CrossCheck(
            driver=driver.name, resolver=driver.resolver, judge=judge.name, packages=0
        )
        obstacles = self._obstacles(driver, judge, lockfile)
        result = replace(result, not_judged=tuple(obstacles.items()))
        targets = tuple(target for target in lockfile.targets if target not in obstacles)
        if not targets:
            self.progress.failed(driver.name, "not cross-checked")
            return result
        if self._is_ruled(driver):
            upgrade = Upgrade()  # it was not resolved alone, so it is not chosen anew alone
        second = _SecondResolution(
            checker=self,
            job=self._job(driver, judge.name, lockfile, targets),
            upgrade=upgrade,
            lockfile=lockfile,
        )
        result = second.with_builds(second.compare(result, targets), targets)
        self.progress.done(driver.name, f"cross-checked by {judge.name}")
        return result

    def _is_ruled(self, driver: Driver) -> bool:
        """Whether a rule across drivers has a say in its versions."""
        agreeing = (rule.drivers for rule in self.declaration.agree)
        groups = (*coexist_groups(self.declaration), *agreeing)
        return any(driver.name in group for group in groups)

    def _obstacles(
        self, driver: Driver, judge: ResolverKind, lockfile: Lockfile
    ) -> dict[Target, str]:
        """The targets that the second resolver cannot resolve for, with the reasons."""
        keys = refused_keys(judge, driver)
        if keys:
            return dict.fromkeys(lockfile.targets, f"{judge.name} has no `{keys[0]}`")
        if not judge.only_here:
            return {}
        found = {target: self.python_for(target) for target in lockfile.targets}
        return {target: reason for target, reason in found.items() if isinstance(reason, str)}

    def _job(
        self, driver: Driver, resolver: str, lockfile: Lockfile, targets: tuple[Target, ...]
    ) -> Job:
        """The driver for these targets alone, as the resolver is to resolve it."""
        platforms = {target.platform for target in targets}
        pythons = {target.python for target in targets}
        here = replace(
            driver,
            python=tuple(python for python in driver.pythons if python in pythons),
            platforms=tuple(one for one in driver.platforms if parse_platform(one) in platforms),
        )
        inputs = replace(inputs_of(here, self.declaration), resolver=resolver)
        return Job(driver=here, inputs=inputs, previous=lockfile, digest="", reasons=())


@value
class _SecondResolution:
    """One driver's second resolution."""

    checker: CrossChecker
    job: Job
    """The driver, to be resolved by the second resolver."""

    lockfile: Lockfile
    upgrade: Upgrade

    def compare(self, result: CrossCheck, targets: tuple[Target, ...]) -> CrossCheck:
        """The result with what was found on these targets."""
        name = self.job.driver.name
        for target in targets:
            self.checker.progress.stage(name, f"resolving for {target} by {result.judge}")
        with Workers(max_workers=self.checker.jobs) as pool:
            answers = list(pool.map(self._resolved, targets))
        found = tuple(one for one in answers if not isinstance(one, NoSet))
        unsatisfied = tuple(one for one in answers if isinstance(one, NoSet))
        try:
            judged = self._merged(found) if found else None
        except UnsatisfiableError as error:
            judged = None
            unsatisfied += tuple(NoSet(target=one.target, words=error.words) for one in found)
        unsatisfied = tuple(sorted(unsatisfied, key=lambda one: targets.index(one.target)))
        if judged is None:
            return replace(result, unsatisfied=unsatisfied)
        return self._compared(replace(result, unsatisfied=unsatisfied), judged)

    def with_builds(self, result: CrossCheck, targets: tuple[Target, ...]) -> CrossCheck:
        """The result with what was found of the builds on these targets."""
        builds = [
            (build, target)
            for build in self.lockfile.builds
            if build.files
            for target in build.targets
            if target in targets
        ]
        if not builds:
            return result
        from envbuild.commands.cross_check_builds import BuildJudge

        judge = BuildJudge(
            declaration=self.checker.declaration,
            resolver=self.checker.resolver,
            metadata=self.checker.metadata,
            upgrade=self.upgrade,
            lockfile=self.lockfile,
            job=self.job,
        )
        with Workers(max_workers=self.checker.jobs) as pool:
            judged = list(pool.map(judge.judge, *zip(*builds, strict=True)))
        differing = {one.target for one in judged if not one.agrees}
        differences = _joined(found for one in judged for found in one.differences)
        return replace(
            result,
            builds=len(builds),
            agreed=tuple(one for one in result.agreed if one not in differing),
            differences=(*result.differences, *differences),
            unsatisfied=(*result.unsatisfied, *(no for one in judged for no in one.unsatisfied)),
        )

    def _compared(self, result: CrossCheck, judged: Lockfile) -> CrossCheck:
        explainer = Explainer(
            inputs=self.lockfile.inputs,
            resolver=result.resolver,
            judge=result.judge,
            ask=self._ask,
            questions=_MOST_QUESTIONS,
        )
        differences, agreed, packages = [], [], 0
        for target in judged.targets:
            ours, theirs = picks_of(self.lockfile, target), picks_of(judged, target)
            packages += len(ours.versions)
            names = compare_picks(ours, theirs)
            differences += [explainer.explain(name, ours, theirs) for name in names]
            agreed += [] if names else [target]
        return replace(
            result, packages=packages, agreed=tuple(agreed), differences=_joined(differences)
        )

    def _resolved(self, target: Target) -> Resolution | NoSet:
        try:
            return self._resolve(target)
        except UnsatisfiableError as error:
            return NoSet(target=target, words=error.words)

    def _resolve(
        self,
        target: Target,
        told: tuple[KnownPackage, ...] = (),
        bounds: tuple[str, ...] = (),
        resolver: str | None = None,
    ) -> Resolution:
        job = self.job
        if resolver is not None:
            job = replace(job, inputs=replace(job.inputs, resolver=resolver))
        asked = TargetResolver(
            resolver=self.checker.resolver, metadata=self.checker.metadata, told=told
        )
        return asked.resolve((job,), target, self.upgrade, bounds)

    def _merged(self, found: tuple[Resolution, ...]) -> Lockfile:
        merger = Merger(
            declaration=self.checker.declaration,
            metadata=self.checker.metadata,
            progress=self.checker.progress,
            resolve=lambda told: {
                target: self._resolve(target, known) for target, known in told.items()
            },
        )
        return merger.merge_until_sound((self.job,), found, self.upgrade)[self.job.driver.name]

    def _ask(self, resolver: str, target: Target, requirement: str) -> str | None:
        """Why a resolver finds nothing with another requirement; None if it finds a set."""
        try:
            self._resolve(target, bounds=(requirement,), resolver=resolver)
        except UnsatisfiableError as error:
            return error.words
        return None


def _joined(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The same difference on several targets as one."""
    found: dict[Difference, list[Target]] = {}
    for one in differences:
        found.setdefault(replace(one, targets=()), []).extend(one.targets)
    return tuple(replace(one, targets=tuple(targets)) for one, targets in found.items())
