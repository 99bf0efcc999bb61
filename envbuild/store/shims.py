"""The name of each exposed command in a generation's `bin/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.finding import Code, Finding
from envbuild.store.manifest import own_command
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.store.manifest import Manifest


class Exposing(Protocol):
    """The facts of a driver that its shims depend on."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that it exposes, in order."""

    @property
    def binary(self) -> str:
        """Its main command, or the path of it."""


@value
class MovedShim:
    """A shim that another driver has now, or that its driver lost."""

    shim: str
    before: str
    """The driver that had it."""

    now: str | None
    """The driver that has it; None for nobody."""


def name_shims(drivers: Iterable[Exposing]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For every driver, each of its commands with the shim's name.

    Every driver keeps its own name, even if another one exposes such a command: `own_command` is what it starts.
    Other names go to the first driver in order that exposes such a command.
    The `binary` of a later driver gets the name `<driver>`, its other commands `<driver>-<command>`;
    none of these names is that of another command of the same driver.
    """
    drivers = tuple(drivers)
    taken = {driver.name: driver.name for driver in drivers}
    result: dict[str, tuple[tuple[str, str], ...]] = {}
    for driver in drivers:
        shims: list[tuple[str, str]] = []
        for command in driver.commands:
            shim = _free_name(driver, command, taken)
            taken[shim] = driver.name
            shims.append((command, shim))
        result[driver.name] = tuple(shims)
    return result


def moved_shims(before: Manifest | None, now: Manifest) -> tuple[MovedShim, ...]:
    """The shims that have another owner than before, and those that a remaining driver lost."""
    owners = shim_owners(now)
    there = {driver.name for driver in now.drivers}
    return tuple(
        MovedShim(shim=shim, before=owner, now=owners.get(shim))
        for shim, owner in (shim_owners(before) if before is not None else {}).items()
        if owners.get(shim) != owner and (shim in owners or owner in there)
    )


def shim_owners(manifest: Manifest) -> dict[str, str]:
    """Shim → the driver whose command it starts, for all of a generation."""
    return {shim: driver.name for driver in manifest.drivers for _, shim in driver.all_shims}


def _free_name(driver: Exposing, command: str, taken: Mapping[str, str]) -> str:
    own = own_command(driver.name, driver.commands, driver.binary)
    for name in _candidates(driver.name, command, own=command == own):
        if name != command and name in driver.commands:
            continue
        if name not in taken or (name == driver.name and command == own):
            return name
    raise AssertionError(f"no shim name is left for {command} of {driver.name}")


def _candidates(driver: str, command: str, *, own: bool) -> Iterable[str]:
    yield command
    if own:
        yield driver
    yield f"{driver}-{command}"
    number = 2
    while True:
        yield f"{driver}-{command}-{number}"
        number += 1


def check_commands(declaration: Declaration) -> tuple[Finding, ...]:
    """Clashes in the declaration's order.

    By the declaration's order, the later driver's command gets a name that begins with the driver's;
    it is a clash if that name is taken as well.
    """
    drivers = [driver for driver in declaration.drivers if driver.enabled]
    named = name_shims(drivers)
    owners = {shim: driver for driver, shims in named.items() for _, shim in shims}
    owners |= {driver.name: driver.name for driver in drivers}
    found = []
    for driver in drivers:
        for command, shim in named[driver.name]:
            if shim == command:
                continue
            settled = shim in (driver.name, f"{driver.name}-{command}")
            first = owners.get(command, "another driver")
            name = f"{driver.name}'s is called {shim}"
            found.append(
                Finding(
                    code=Code.COMMAND_SHARED if settled else Code.COMMAND_CLASH,
                    subject=driver.name,
                    message=f"the command {command} is that of {first}, and {name}",
                    path=declaration.file,
                    line=driver.line,
                    hint=None
                    if settled
                    else "say in `commands` which driver exposes which command",
                )
            )
    return tuple(found)
