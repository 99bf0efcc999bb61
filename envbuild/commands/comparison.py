"""The changes of lockfiles against a git revision, or of a lock: drivers, conflicts, replaced files."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import render_cause
from envbuild.conflicts.matrix import MOST_EXPLAINED
from envbuild.conflicts.pair_decision import Fleet
from envbuild.finding import Code, Finding
from envbuild.lockfile.difference import compare_fleets
from envbuild.lockfile.known_files import files_of, known_files, replaced_files
from envbuild.lockfile.text import package_line
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.commands.revision import FleetAt
    from envbuild.conflicts.conflict import Pair
    from envbuild.conflicts.unlocked_changes import UnlockedChanges
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.difference import DriverDiff
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile


@value
class RevisionComparison:
    """The changes against a revision, or against what is locked."""

    against: str
    drivers: tuple[DriverDiff, ...]
    appeared: tuple[Pair, ...]
    """Pairs that conflict now and did not before, with their proof; includes new drivers' conflicts."""

    vanished: tuple[tuple[str, str], ...]
    """Pairs that no longer conflict."""

    @property
    def download(self) -> int:
        """How many bytes all first targets together grow."""
        return sum(diff.download or 0 for diff in self.drivers)

    @property
    def changed(self) -> tuple[DriverDiff, ...]:
        """The drivers that changed."""
        return tuple(diff for diff in self.drivers if diff.kind != "same")


def compare_with(
    then: FleetAt,
    declaration: Declaration,
    lockfiles: Mapping[str, Lockfile],
    foreseen: UnlockedChanges,
) -> RevisionComparison:
    """The fleet as locked, and with its unlocked changes, beside a revision's."""
    before = Fleet(then.lockfiles.values(), then.declaration or declaration)
    now = Fleet(foreseen.lockfiles.values(), declaration)
    appeared, vanished = moved_conflicts(before, now)
    return RevisionComparison(
        against=then.revision,
        drivers=compare_fleets(_enabled(then), lockfiles),
        appeared=appeared,
        vanished=vanished,
    )


def _enabled(then: FleetAt) -> dict[str, Lockfile]:
    """The lockfiles of drivers that were enabled at the revision."""
    if then.declaration is None:
        return then.lockfiles
    off = {driver.name for driver in then.declaration.drivers if not driver.enabled}
    return {name: lockfile for name, lockfile in then.lockfiles.items() if name not in off}


def moved_conflicts(
    before: Fleet, now: Fleet
) -> tuple[tuple[Pair, ...], tuple[tuple[str, str], ...]]:
    """Pairs whose answer changed; pairs with unchanged lockfiles are decided too.

    The pins of every lockfile are candidates for every pair, so a third driver can change the answer.
    """
    appeared: list[Pair] = []
    vanished: list[tuple[str, str]] = []
    for first, second in combinations(now.lockfiles, 2):
        known = first in before.lockfiles and second in before.lockfiles
        was = not before.decide(first, second).compatible if known else False
        is_now = not now.decide(first, second).compatible
        if is_now and not was:
            explain = len(appeared) < MOST_EXPLAINED
            appeared.append(now.decide(first, second, explain=explain))
        elif was and not is_now:
            vanished.append((first, second))
    return tuple(appeared), tuple(vanished)


def conflict_findings(
    comparison: RevisionComparison, declaration: Declaration
) -> Iterator[Finding]:
    """New conflicts, and those that have ended."""
    changed = {diff.driver for diff in comparison.changed}
    for pair in comparison.appeared:
        conflict = pair.conflicts[0]
        causes = [cause for clash in conflict.clashes[:1] for cause in clash.causes]
        blamed = [cause for cause in causes if cause.driver in changed] or causes
        proof = " against ".join(render_cause(cause, declaration.file) for cause in causes)
        packages = dict.fromkeys(clash.package for clash in conflict.clashes) or conflict.packages
        on = ", ".join(packages) or "several packages together"
        yield Finding(
            code=Code.CONFLICT_APPEARED,
            subject=f"{pair.first}, {pair.second}",
            message=f"{pair.first} and {pair.second} now conflict on {on}"
            + (f": {proof}" if proof else ""),
            path=declaration.file,
            line=next((cause.line for cause in blamed), None),
        )
    for first, second in comparison.vanished:
        yield Finding(
            code=Code.CONFLICT_VANISHED,
            subject=f"{first}, {second}",
            message=f"{first} and {second} no longer conflict",
            path=declaration.file,
        )


def replaced_findings(
    then: FleetAt, lockfiles: Mapping[str, Lockfile], folder: LockFolder, *, allowed: bool
) -> Iterator[Finding]:
    """Files that a lockfile of the revision has under the same name with another sha256."""
    known = known_files(then.lockfiles.values())
    for name, lockfile in lockfiles.items():
        for file in replaced_files(known, files_of(lockfile)):
            yield Finding(
                code=Code.FILE_REPLACED,
                subject=name,
                message=(
                    f"{file.name} of {file.package} {file.version} differs from that at "
                    f"{then.revision}: sha256 {file.before} became {file.after}"
                ),
                path=folder.name(name),
                line=package_line(lockfile, file.package, file.version),
                hint="find out from the index's operator who changed it; "
                "`--allow-replaced-files` makes it a warning",
                other_level="warning" if allowed else None,
            )
