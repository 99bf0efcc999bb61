"""The result of `envbuild lock`, by driver, and what may be written if some drivers fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.rules import agreement
from envbuild.errors import EnvbuildError, NoError, Problem
from envbuild.lockfile.difference import compare_lockfiles
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from envbuild.commands.lock_jobs import Job, LockGroup
    from envbuild.declaration.declaration import Agree, Declaration
    from envbuild.finding import Finding
    from envbuild.lockfile.difference import Change
    from envbuild.lockfile.lockfile import HeldBack, Lockfile
    from envbuild.lockfile.picks import Difference
    from envbuild.progress import Progress
    from envbuild.target.target import Target


@value
class DriverLock:
    """The result for one driver."""

    driver: str
    fresh: bool
    """Whether the lockfile satisfied its declaration; for an upgrade that is checked, whether no pin would change."""

    reasons: tuple[str, ...]
    """Why it did not, or why it was resolved nevertheless."""

    changes: tuple[Change, ...]
    """What the new lockfile adds, removes and changes; empty if nothing was resolved."""

    version: str | None
    packages: int | None
    """The number of locked packages; None without a lockfile."""

    digest: str
    """`sha256:` and the digest of a fresh lockfile; empty if it was not fresh."""

    warnings: tuple[str, ...] = ()
    """Warnings about locked packages, one sentence each."""

    held_back: tuple[HeldBack, ...] = ()
    """The newer versions that were passed over, and why."""


@value
class LockFailure:
    """Drivers of one group that failed; their lockfiles stay as they were."""

    drivers: tuple[str, ...]
    error: EnvbuildError


@value
class Resolved:
    """The result of resolving several groups."""

    locked: dict[str, Lockfile]
    failures: tuple[LockFailure, ...] = ()


@value
class NoSet:
    """The second resolver finds no versions that satisfy the driver, or the build of one of its packages."""

    target: Target
    words: str
    build: str | None = None
    """The package that is built."""


@value
class CrossCheck:
    """What a second resolver says of one driver's lockfile."""

    driver: str
    resolver: str
    """The resolver that locked it."""

    judge: str
    """The second one."""

    packages: int
    """How many packages were compared, on all targets."""

    builds: int = 0
    """How many builds' requirements were compared, on all targets."""

    agreed: tuple[Target, ...] = ()
    """The targets for which both have the same versions, in the environment and in its builds."""

    differences: tuple[Difference, ...] = ()
    unsatisfied: tuple[NoSet, ...] = ()
    not_judged: tuple[tuple[Target, str], ...] = ()
    """The targets that the second resolver cannot resolve for here, each with the reason."""

    @property
    def agrees(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.differences and not self.unsatisfied


@value
class LockResult:
    """The result of `envbuild lock`."""

    checked: bool
    """Whether it only checked (`--check`)."""

    drivers: tuple[DriverLock, ...]
    undeclared: tuple[str, ...]
    """The lockfiles of drivers that are not declared."""

    broken_rules: tuple[Finding, ...] = ()
    """Rules that no versions satisfy; `--check` has them among the reasons."""

    resolved: bool = True
    """Whether indexes were asked; only `--check` asks none."""

    failures: tuple[LockFailure, ...] = ()
    """Failures while the rest was written (`--keep-going`)."""

    lockfiles: Mapping[str, Lockfile] = field(default_factory=dict)
    """By driver, those that satisfy the declaration: as they were, or as they are now."""

    cross_checks: tuple[CrossCheck, ...] | None = None
    """What a second resolver says of them (`--cross-check`); None if it was not asked."""

    @property
    def cross_check_code(self) -> int:
        """1 if a second resolver differs; 5 if nothing at all could be compared on this host."""
        checks = self.cross_checks or ()
        if not all(check.agrees for check in checks):
            return 1
        return 0 if any(check.agreed for check in checks) or not checks else 5

    @property
    def all_fresh(self) -> bool:
        """Whether every lockfile satisfied its declaration."""
        return not self.failures and all(driver.fresh for driver in self.drivers)

    @property
    def exit_code(self) -> int:
        """The exit code of the worst failure; 1 if something stays stale, or a rule is broken."""
        stale = self.checked and not self.all_fresh
        own = 1 if stale or self.broken_rules else 0
        failed = (failure.error.exit_code for failure in self.failures)
        return max(own, self.cross_check_code, *failed, 0)


def driver_lock(
    job: Job, lockfile: Lockfile | None, *, checked: bool, warnings: tuple[str, ...] = ()
) -> DriverLock:
    """The result for one driver; `lockfile` is the new one, None if nothing was resolved."""
    reasons = job.reasons
    if lockfile is not None and not reasons:
        reasons = ("a rule requires it to agree with others",)
    if checked and lockfile is not None and _is_the_same(lockfile, job.previous):
        reasons = ()
    now = job.previous if checked else lockfile or job.previous
    return DriverLock(
        driver=job.driver.name,
        fresh=not reasons,
        reasons=reasons,
        changes=compare_lockfiles(job.previous, lockfile) if lockfile is not None else (),
        version=now.version if now is not None else None,
        packages=len({package.name for package in now.packages}) if now is not None else None,
        digest="" if reasons else job.digest,
        warnings=(*_left_out(lockfile), *warnings),
        held_back=now.held_back if (now := lockfile or job.previous) is not None else (),
    )


def _left_out(lockfile: Lockfile | None) -> Iterator[str]:
    """The Pythons that packages do not allow, of a driver that names none."""
    if lockfile is None or lockfile.inputs.python:
        return
    locked = {target.python for target in lockfile.targets}
    others = [python for python in lockfile.inputs.pythons if python not in locked]
    if others:
        yield (
            f"no versions satisfy it on Python {' and '.join(others)}, so it is locked without that; "
            f'`python = ["{others[0]}"]` shows why'
        )


def _is_the_same(lockfile: Lockfile, previous: Lockfile | None) -> bool:
    """Whether a lockfile is the previous one, ignoring newer versions that were passed over."""
    return previous is not None and replace(lockfile, held_back=previous.held_back) == previous


def say_locked(progress: Progress, driver: str, lockfile: Lockfile) -> None:
    """Report a driver as done."""
    names = {package.name for package in lockfile.packages}
    progress.done(driver, f"{len(names)} package{'s' * (len(names) != 1)}")


def all_failures(failures: Iterable[LockFailure], possible: tuple[str, ...]) -> EnvbuildError:
    """One error for all failures, of the first one's class; `possible` are drivers that could have been locked."""
    errors = [failure.error for failure in failures]
    worst = max(errors, key=lambda error: (error.exit_code, type(error) is not NoError))
    problems = [problem for error in errors for problem in error.problems]
    if possible:
        message = f"nothing was written; these could have been locked: {', '.join(possible)}"
        hint = "`envbuild lock --keep-going` writes what can be locked"
        problems.append(Problem(message=message, hint=hint))
    return worst.with_problems(dict.fromkeys(problems))


def held_by_rules(
    declaration: Declaration,
    groups: tuple[LockGroup, ...],
    known: Mapping[str, Lockfile],
    locked: Mapping[str, Lockfile],
    failed: Collection[str],
) -> dict[str, LockFailure]:
    """The lockfiles that must not be written beside those of failed drivers, by driver.

    These are lockfiles that would break a rule that the existing ones (`known`) satisfy.
    One that is held back may hold back others, so this is repeated until nothing changes.
    """
    held: dict[str, LockFailure] = {}
    more: dict[str, LockFailure] | None = None
    while failed and (more is None or more):
        written = {name: new for name, new in locked.items() if name not in held}
        stays = {*failed, *held}
        more = {
            name: failure
            for rule in declaration.agree
            for package in rule.packages
            if agreement(rule, package, {**known, **written})
            and not agreement(rule, package, known)
            for failure in _held(declaration, rule, package, groups, stays, written)
            for name in failure.drivers
        }
        held |= more
    return held


def _held(
    declaration: Declaration,
    rule: Agree,
    package: str,
    groups: tuple[LockGroup, ...],
    stays: Collection[str],
    written: Mapping[str, Lockfile],
) -> list[LockFailure]:
    """The groups of a broken rule that must not be written; none if all of them are new."""
    staying = [name for name in rule.drivers if name in stays]
    if not staying:
        return []
    problem = Problem(
        message=f"{package} would differ from that of {', '.join(staying)}, and they must agree",
        file=declaration.file,
        line=rule.line,
        key="agree.packages",
        hint=f"lock {', '.join(staying)} first, or remove one from the rule",
    )
    names = (tuple(job.driver.name for job in group) for group in groups)
    return [
        LockFailure(drivers=drivers, error=NoError(problem))
        for drivers in names
        if set(drivers) & set(rule.drivers) & written.keys()
    ]
