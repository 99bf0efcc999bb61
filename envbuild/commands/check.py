"""`envbuild check`: check a pull request before it is merged."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from envbuild.conflicts.rules import check_rules, rule_problems
from envbuild.conflicts.unlocked_changes import foresee, unmet_findings
from envbuild.errors import LockfileError, UsageError
from envbuild.finding import Code, Finding
from envbuild.lockfile.freshness import stale_reasons
from envbuild.lockfile.host_check import check_host
from envbuild.lockfile.provided_commands import command_problems, settle_all
from envbuild.lockfile.soundness import check_soundness
from envbuild.lockfile.text import package_line
from envbuild.lockfile.torch_builds import check_torch_builds
from envbuild.lockfile.warnings import held_back_hint, held_back_text, yanked_text
from envbuild.store.shims import check_commands
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.commands.comparison import RevisionComparison
    from envbuild.commands.conflicts import JointAnswer
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.errors import Problem
    from envbuild.lockfile.folder import LockFolder, StoredLockfile
    from envbuild.lockfile.git import Git
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.resolution.resolution import Resolver
    from envbuild.sourcetree.changes import PathChanges
    from envbuild.target.accelerator import FoundAccelerator

_MOST_REPORTED = 2000
"""The most findings of a whole fleet."""


@value
class CheckResult:
    """The result of `envbuild check`."""

    file: str
    drivers: tuple[str, ...]
    """The checked drivers."""

    findings: tuple[Finding, ...]
    """Errors first, then warnings, then notes."""

    comparison: RevisionComparison | None
    """None without `--against`."""

    solved: tuple[JointAnswer, ...] | None
    """The index's answers about pairs that should fit and do not; None if it was not asked."""

    @property
    def exit_code(self) -> int:
        """1 if any finding is an error."""
        return 1 if any(finding.level == "error" for finding in self.findings) else 0


@value
class Checker:
    """Checks a declaration and its lockfiles; writes nothing, and asks an index only through a resolver."""

    declaration: Declaration
    folder: LockFolder
    declaration_name: str
    """The declaration's file name in its folder."""

    resolver: Resolver | None = None
    allow_replaced: bool = False
    """Whether a locked file with new content is a warning instead of an error."""

    built: Callable[[str, str], tuple[Finding, ...]] | None = None
    """Paths that several packages share in the environment of a driver (name) and its lockfile (digest)."""

    host: tuple[FoundAccelerator, ...] | None = None
    """The accelerators of a host to check for."""

    changes: PathChanges | None = None
    """Says whether path sources were changed; None if none is declared."""

    def check(self, git: Git | None = None, against: str | None = None) -> CheckResult:
        """Check the working folder, and compare it with a revision if one is named.

        UsageError for a rule about a package that no driver has, for a command that no package provides,
        and for a revision that cannot be read.
        """
        found: list[Finding] = []
        lockfiles = self._read(found)
        problems = (*rule_problems(self.declaration, lockfiles), *self._missing(lockfiles))
        if problems:
            raise UsageError(problems)
        found += check_rules(self.declaration, lockfiles, self.folder.shown)
        found += check_commands(settle_all(self.declaration, lockfiles))
        if self.host is not None:
            found += check_host(self.declaration, lockfiles, self.host)
        foreseen = foresee(self.declaration, lockfiles)
        found += unmet_findings(foreseen, self.declaration)
        comparison = None
        if git is not None and against is not None:
            from envbuild.commands.comparison import (
                compare_with,
                conflict_findings,
                replaced_findings,
            )
            from envbuild.commands.revision import fleet_at

            then = fleet_at(git, against, self.declaration_name)
            comparison = compare_with(then, self.declaration, lockfiles, foreseen)
            found += conflict_findings(comparison, self.declaration)
            found += replaced_findings(then, lockfiles, self.folder, allowed=self.allow_replaced)
        return CheckResult(
            file=self.declaration.file,
            drivers=tuple(driver.name for driver in self.declaration.drivers if driver.enabled),
            findings=_reported(sorted(found, key=_rank)),
            comparison=comparison,
            solved=self._solve(lockfiles, comparison) if self.resolver is not None else None,
        )

    def _read(self, found: list[Finding]) -> dict[str, Lockfile]:
        """Every lockfile that can be read; all problems become findings."""
        lockfiles: dict[str, Lockfile] = {}
        for driver in self.declaration.drivers:
            if not driver.enabled:
                continue
            try:
                stored = self.folder.read(driver.name)
            except LockfileError as error:
                found += _broken(driver, error)
                continue
            if stored is None:
                found.append(self._without_lockfile(driver))
                continue
            lockfiles[driver.name] = stored.lockfile
            found += self._stale(driver, stored.lockfile)
            found += check_soundness(stored.lockfile, self.folder.name(driver.name))
            found += check_torch_builds(stored.lockfile, self.folder.name(driver.name))
            found += self._yanked(driver, stored.lockfile)
            found += self._held_back(driver, stored.lockfile)
            found += self._shared(driver, stored)
        found += self._undeclared()
        return lockfiles

    def _missing(self, lockfiles: Mapping[str, Lockfile]) -> Iterator[Problem]:
        """Commands that no package of a fresh lockfile provides."""
        for driver in self.declaration.drivers:
            lockfile = lockfiles.get(driver.name)
            if lockfile is not None and not stale_reasons(lockfile, driver, self.declaration):
                yield from command_problems(driver, lockfile, self.declaration.file)

    def _without_lockfile(self, driver: Driver) -> Finding:
        return Finding(
            code=Code.MISSING_LOCKFILE,
            subject=driver.name,
            message=f"{driver.name} has no lockfile",
            path=self.declaration.file,
            line=driver.line,
            hint=f"run `envbuild lock {driver.name}` and commit {self.folder.name(driver.name)}",
        )

    def _stale(self, driver: Driver, lockfile: Lockfile) -> Iterator[Finding]:
        reasons = stale_reasons(lockfile, driver, self.declaration)
        if not reasons and self.changes is not None:
            reasons = self.changes.reasons(lockfile, driver)
        if reasons:
            locked = lockfile.inputs.all_requires
            new = (one for one in driver.all_requires if one.text not in locked)
            yield Finding(
                code=Code.STALE_LOCKFILE,
                subject=driver.name,
                message=f"the lockfile of {driver.name} is stale: {'; '.join(reasons)}",
                path=self.declaration.file,
                line=next((one.line for one in new), driver.line),
                hint=f"run `envbuild lock {driver.name}` and commit what it writes",
            )

    def _shared(self, driver: Driver, stored: StoredLockfile) -> Iterator[Finding]:
        """The shared paths of packages, if this lockfile is built on this host."""
        for found in self.built(driver.name, stored.digest) if self.built is not None else ():
            yield replace(
                found,
                subject=driver.name,
                path=self.folder.name(driver.name),
                message=f"{found.path}: {found.message}",
                other_level="error" if driver.overlap == "refuse" else None,
            )

    def _yanked(self, driver: Driver, lockfile: Lockfile) -> Iterator[Finding]:
        for package in lockfile.packages:
            if package.yanked is not None:
                yield Finding(
                    code=Code.YANKED,
                    subject=driver.name,
                    message=yanked_text(package),
                    path=self.folder.name(driver.name),
                    line=package_line(lockfile, package.name, package.version),
                    hint=f"require another version; `envbuild lock --upgrade-package {package.name}` "
                    "takes one unless a requirement names this one",
                )

    def _held_back(self, driver: Driver, lockfile: Lockfile) -> Iterator[Finding]:
        for held in lockfile.held_back:
            yield Finding(
                code=Code.HELD_BACK,
                subject=driver.name,
                message=held_back_text(held),
                path=self.folder.name(driver.name),
                line=package_line(lockfile, held.package, held.locked),
                hint=held_back_hint(held),
            )

    def _undeclared(self) -> Iterator[Finding]:
        declared = {driver.name for driver in self.declaration.drivers}
        for name in self.folder.drivers():
            if name not in declared:
                yield Finding(
                    code=Code.UNDECLARED_LOCKFILE,
                    subject=name,
                    message=f"{self.folder.name(name)} belongs to no declared driver",
                    path=self.folder.name(name),
                    line=1,
                    hint="remove it, or declare the driver",
                )

    def _solve(
        self, lockfiles: Mapping[str, Lockfile], comparison: RevisionComparison | None
    ) -> tuple[JointAnswer, ...]:
        """Ask the index about broken rules and new conflicts."""
        from envbuild.commands.conflicts import ask_index
        from envbuild.conflicts.pair_decision import Fleet

        assert self.resolver is not None
        wanted = {(pair.first, pair.second) for pair in (comparison.appeared if comparison else ())}
        for rule in self.declaration.coexist:
            locked = [driver for driver in rule.drivers if driver in lockfiles]
            wanted |= set(combinations(locked, 2))
        fleet = Fleet(lockfiles.values(), self.declaration)
        pairs = tuple(fleet.decide(first, second) for first, second in sorted(wanted))
        return ask_index(fleet, pairs, self.resolver)


def _broken(driver: Driver, error: LockfileError) -> Iterable[Finding]:
    for problem in error.problems:
        yield Finding(
            code=Code.BROKEN_LOCKFILE,
            subject=driver.name,
            message=problem.message,
            path=problem.file,
            line=problem.line or 1,
            hint=problem.hint,
        )


def _reported(found: list[Finding]) -> tuple[Finding, ...]:
    """The first of many findings, and the number of the others."""
    beyond = found[_MOST_REPORTED:]
    if not beyond:
        return tuple(found)
    message = f"{len(beyond):,} more findings are not reported"
    return (*found[:_MOST_REPORTED], replace(beyond[0], message=message, hint=None))


def _rank(finding: Finding) -> tuple[int, str, int]:
    levels = ("error", "warning", "note")
    return levels.index(finding.level), finding.path or "", finding.line or 0
