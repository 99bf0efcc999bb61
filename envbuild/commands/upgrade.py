"""`envbuild lock --dry-run` and `envbuild upgrade`: what a lock would change, and which conflicts would appear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.comparison import RevisionComparison, moved_conflicts
from envbuild.commands.selection import select_drivers
from envbuild.conflicts.pair_decision import Fleet
from envbuild.lockfile.difference import compare_fleets
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.commands.lock import Locker
    from envbuild.commands.lock_jobs import Upgrade
    from envbuild.commands.lock_result import LockResult
    from envbuild.lockfile.lockfile import Lockfile

AGAINST = "what is locked"


@value
class Upgraded:
    """What a lock would write; no lockfile was written."""

    lock: LockResult
    comparison: RevisionComparison
    """Every enabled or named driver, against its lockfile as it is."""

    command: str
    """The command line that writes the lockfiles."""

    @property
    def exit_code(self) -> int:
        """That of the lock that would write it: 1 for a broken rule, or that of the worst failure."""
        failed = (failure.error.exit_code for failure in self.lock.failures)
        return max(1 if self.lock.broken_rules else 0, *failed, 0)


def foresee_lock(
    locker: Locker, names: tuple[str, ...], upgrade: Upgrade, *, keep_going: bool, command: str
) -> Upgraded:
    """Lock without writing, and compare; errors as in `Locker.lock`."""
    before = _lockfiles(locker, names)
    result = locker.lock(names, upgrade, write=False, keep_going=keep_going)
    after = {**before, **result.lockfiles}
    order = [one.name for one in locker.declaration.drivers if one.name in after]
    now = {name: after[name] for name in order}
    fleets = (Fleet(side.values(), locker.declaration) for side in (before, now))
    appeared, vanished = ((), ()) if before == now else moved_conflicts(*fleets)
    comparison = RevisionComparison(
        against=AGAINST,
        drivers=compare_fleets(before, now),
        appeared=appeared,
        vanished=vanished,
    )
    return Upgraded(lock=result, comparison=comparison, command=command)


def _lockfiles(locker: Locker, names: tuple[str, ...]) -> dict[str, Lockfile]:
    """The lockfiles that can be read: one that cannot is locked anew, as if there were none."""
    select_drivers(locker.declaration, names)
    drivers = locker.declaration.drivers
    return locker.folder.readable(
        driver.name for driver in drivers if driver.enabled or driver.name in names
    )
