"""The lockfiles that commands across drivers work from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.selection import select_drivers
from envbuild.errors import LockfileError, Problem, UsageError

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile


def read_lockfiles(
    declaration: Declaration, folder: LockFolder, names: tuple[str, ...]
) -> dict[str, Lockfile]:
    """Every lockfile of a declared driver that is enabled or named, in the declaration's order.

    UsageError where one is missing, LockfileError where one is not what was written;
    each carries every such lockfile.
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
            missing.append(_missing(folder.name(driver.name), driver.name))
        else:
            found[driver.name] = stored.lockfile
    if broken:
        raise LockfileError([*broken, *missing])
    if missing:
        raise UsageError(missing)
    return found


def _missing(file: str, driver: str) -> Problem:
    return Problem(
        file=file, message=f"{driver} has no lockfile", hint=f"run `envbuild lock {driver}`"
    )
