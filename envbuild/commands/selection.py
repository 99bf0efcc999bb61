"""The drivers that a command line selects, and their lockfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import LockfileError, Problem, UsageError
from envbuild.nearest_name import no_driver
from envbuild.value import replace

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile


def select_drivers(declaration: Declaration, names: tuple[str, ...]) -> tuple[Driver, ...]:
    """The named drivers, or every enabled one if none is named, in the declaration's order.

    UsageError names every driver that is not declared.
    """
    known = [driver.name for driver in declaration.drivers]
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UsageError([_unknown(name, known, declaration.file) for name in unknown])
    return tuple(
        driver
        for driver in declaration.drivers
        if (driver.name in names if names else driver.enabled)
    )


def _unknown(name: str, known: list[str], place: str) -> Problem:
    """The problem of an unknown driver name."""
    message, hint = no_driver(name, known)
    return Problem(file=place, message=message, hint=hint)


def read_lockfiles(
    declaration: Declaration, folder: LockFolder, names: tuple[str, ...]
) -> dict[str, Lockfile]:
    """Every lockfile of an enabled or named driver, in the declaration's order.

    UsageError if one is missing, LockfileError if one was changed or damaged; each lists all of them.
    """
    select_drivers(declaration, names)
    found: dict[str, Lockfile] = {}
    missing: list[Problem] = []
    broken: list[Problem] = []
    for driver in declaration.drivers:
        if not driver.enabled and driver.name not in names:
            continue
        try:
            stored = folder.read(driver.name)
        except LockfileError as error:
            broken += error.problems
            continue
        if stored is None:
            missing.append(no_lockfile(folder, driver.name))
        else:
            found[driver.name] = stored.lockfile
    if broken:
        raise LockfileError([*broken, *missing])
    if missing:
        raise UsageError(missing)
    return found


def locked_and_not(
    declaration: Declaration, folder: LockFolder
) -> tuple[dict[str, Lockfile], tuple[str, ...]]:
    """The lockfiles of the enabled drivers, and the names of those that have none yet.

    LockfileError as in `read_lockfiles`.
    """
    enabled = tuple(driver.name for driver in declaration.drivers if driver.enabled)
    missing = tuple(name for name in enabled if not (folder.path / f"{name}.toml").exists())
    drivers = tuple(driver for driver in declaration.drivers if driver.name not in missing)
    return read_lockfiles(replace(declaration, drivers=drivers), folder, ()), missing


def no_lockfile(folder: LockFolder, driver: str) -> Problem:
    """The problem of a driver that has none."""
    hint = f"run `envbuild lock {driver}`"
    return Problem(file=folder.name(driver), message=f"{driver} has no lockfile", hint=hint)
