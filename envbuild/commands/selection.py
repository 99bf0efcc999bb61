"""Which drivers a command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import no_driver

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration, Driver


def select_drivers(declaration: Declaration, names: tuple[str, ...]) -> tuple[Driver, ...]:
    """The named drivers, or every enabled one where none is named, in the declaration's order.

    UsageError names every driver that is not declared.
    """
    known = [driver.name for driver in declaration.drivers]
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UsageError([unknown_driver(name, known, declaration.file) for name in unknown])
    return tuple(
        driver
        for driver in declaration.drivers
        if (driver.name in names if names else driver.enabled)
    )


def unknown_driver(name: str, known: list[str], place: str) -> Problem:
    """The problem of a name that is none of the known drivers."""
    message, hint = no_driver(name, known)
    return Problem(file=place, message=message, hint=hint)
