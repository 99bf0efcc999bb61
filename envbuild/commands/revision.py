"""The declaration and the lockfiles at a git revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import DeclarationError, LockfileError, Problem, UsageError
from envbuild.lockfile.folder import Together
from envbuild.lockfile.parse import parse_lockfile
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.git import Git
    from envbuild.lockfile.lockfile import Lockfile


@value
class FleetAt:
    """The declaration and the lockfiles at a revision."""

    revision: str
    """As the user named it."""

    commit: str
    declaration: Declaration | None
    """None if the revision has none."""

    lockfiles: dict[str, Lockfile]
    """By driver; in the declaration's order, then undeclared ones."""


def fleet_at(git: Git, revision: str, declaration_name: str) -> FleetAt:
    """Read the declaration and the lockfiles at a revision.

    UsageError has everything that this version cannot read, and missing lockfiles:
    the working folder is not at fault.
    """
    commit = git.commit(revision)
    problems: list[Problem] = []
    declaration = _declaration(git, commit, revision, declaration_name, problems)
    present = {
        name.removesuffix(".toml") for name in git.names(commit, "locks") if name.endswith(".toml")
    }
    declared = [driver.name for driver in declaration.drivers] if declaration is not None else []
    lockfiles: dict[str, Lockfile] = {}
    together = Together(f"{revision}:locks")
    for driver in _in_order(declared, present):
        file = f"{revision}:locks/{driver}.toml"
        text = git.read(commit, f"locks/{driver}.toml")
        try:
            if text is not None:
                together.add_size(driver, len(text))
                lockfiles[driver] = parse_lockfile(text, file=file)
                together.add(lockfiles[driver])
        except LockfileError as error:
            problems += error.problems
    if problems:
        raise UsageError(_placed(problem, revision) for problem in problems)
    fleet = FleetAt(revision=revision, commit=commit, declaration=declaration, lockfiles=lockfiles)
    _require_lockfiles(fleet)
    return fleet


def _require_lockfiles(then: FleetAt) -> None:
    """UsageError if a driver was declared and enabled at the revision without a lockfile."""
    if then.declaration is None:
        return
    missing = [
        Problem(
            file=f"{then.revision}:locks/{driver.name}.toml",
            message=f"{driver.name} is declared at {then.revision} and has no lockfile there",
            hint="compare with a revision that has one",
        )
        for driver in then.declaration.drivers
        if driver.enabled and driver.name not in then.lockfiles
    ]
    if missing:
        raise UsageError(missing)


def _declaration(
    git: Git, commit: str, revision: str, name: str, problems: list[Problem]
) -> Declaration | None:
    text = git.read(commit, name)
    if text is None:
        return None
    try:
        return parse_declaration(text, file=f"{revision}:{name}")
    except DeclarationError as error:
        problems += error.problems
        return None


def _in_order(declared: list[str], present: set[str]) -> Iterable[str]:
    yield from (driver for driver in declared if driver in present)
    yield from sorted(present.difference(declared))


def _placed(problem: Problem, revision: str) -> Problem:
    hint = f"compare with a revision that this envbuild can read; {revision} stays as it is"
    return replace(problem, hint=hint)
