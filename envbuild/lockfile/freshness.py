"""Whether a lockfile still answers its declaration, with the reasons where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.lockfile import Fresh, Inputs, Stale
from envbuild.lockfile.provided_commands import unknown_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration, Driver
    from envbuild.lockfile.lockfile import Lockfile

_LISTS = (
    ("requires", "requires"),
    ("constraints", "constraints"),
    ("overrides", "overrides"),
    ("python", "python"),
    ("platforms", "platforms"),
    ("allow_sdist", "allow-sdist"),
)


def inputs_of(driver: Driver, declaration: Declaration) -> Inputs:
    """What decides a driver's lockfile, out of its declaration."""
    return Inputs(
        requires=tuple(requirement.text for requirement in driver.requires),
        constraints=driver.constraints,
        overrides=driver.overrides,
        python=driver.python,
        platforms=driver.platforms,
        exclude_newer=driver.exclude_newer,
        exclude_newer_packages=driver.exclude_newer_packages,
        allow_sdist=driver.allow_sdist,
        version_of=driver.version_of,
        indexes=tuple(
            (index.name, index.packages) for index in declaration.indexes if index.packages
        ),
    )


def compare_inputs(locked: Inputs, wanted: Inputs) -> Fresh | Stale:
    """Fresh where both are the same, else Stale with a reason for every difference."""
    reasons = tuple(_reasons(locked, wanted))
    return Stale(reasons=reasons) if reasons else Fresh()


def judge_lockfile(lockfile: Lockfile, driver: Driver, declaration: Declaration) -> Fresh | Stale:
    """Whether the lockfile answers what the declaration asks for the driver today."""
    judged = compare_inputs(lockfile.inputs, inputs_of(driver, declaration))
    reasons = command_reasons(lockfile, driver)
    return judged if isinstance(judged, Stale) or not reasons else Stale(reasons=reasons)


def command_reasons(lockfile: Lockfile, driver: Driver) -> tuple[str, ...]:
    """Why a lockfile does not tell whether its packages provide what the driver exposes."""
    return tuple(
        f"commands: it was locked before {name!r} was asked for"
        for name in unknown_commands(driver, lockfile)
    )


def _reasons(locked: Inputs, wanted: Inputs) -> Iterator[str]:
    for field, key in _LISTS:
        yield from _list_reasons(key, getattr(locked, field), getattr(wanted, field))
    for key, before, after in (
        ("exclude-newer", locked.exclude_newer, wanted.exclude_newer),
        ("version-of", locked.version_of, wanted.version_of),
    ):
        if before != after:
            yield f"{key}: {before or 'nothing'} became {after or 'nothing'}"
    yield from _list_reasons(
        "exclude-newer-packages",
        *(
            tuple(f"{name} = {limit or 'false'}" for name, limit in side.exclude_newer_packages)
            for side in (locked, wanted)
        ),
    )
    if locked.indexes != wanted.indexes:
        yield "the packages that indexes are bound to changed"


def _list_reasons(key: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    added = [item for item in after if item not in before]
    removed = [item for item in before if item not in after]
    if added:
        yield f"{key}: {', '.join(added)} is new"
    if removed:
        yield f"{key}: {', '.join(removed)} is gone"
    if not added and not removed and before != after:
        yield f"{key}: the order changed"
