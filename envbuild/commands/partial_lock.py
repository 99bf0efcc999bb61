"""What of a partly failed lock may be written: what breaks no rule beside the lockfiles that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_result import LockFailure
from envbuild.conflicts.rules import agreement
from envbuild.errors import NoError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envbuild.commands.lock_jobs import LockGroup
    from envbuild.declaration.declaration import Agree, Declaration
    from envbuild.lockfile.lockfile import Lockfile


def held_by_rules(
    declaration: Declaration,
    groups: tuple[LockGroup, ...],
    known: Mapping[str, Lockfile],
    locked: Mapping[str, Lockfile],
    failed: Collection[str],
) -> dict[str, LockFailure]:
    """What must not be written beside the lockfiles of failed drivers, by driver.

    Those whose new versions would break a rule that `known`, what is there, keeps.
    What stays for that reason may hold others: looked at until nothing more is held.
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
    """The units of a broken rule that are not to be written; none where all of them are new."""
    staying = [name for name in rule.drivers if name in stays]
    if not staying:
        return []
    problem = Problem(
        message=f"{package} would differ from that of {', '.join(staying)}, and they must agree",
        file=declaration.file,
        line=rule.line,
        key="agree.packages",
        hint=f"lock {', '.join(staying)} first, or take one out of the rule",
    )
    names = (tuple(job.driver.name for job in group) for group in groups)
    return [
        LockFailure(drivers=drivers, error=NoError(problem))
        for drivers in names
        if set(drivers) & set(rule.drivers) & written.keys()
    ]
