"""The name of each exposed command in a generation's `bin/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.declaration import Declaration


def name_shims(
    commands: Mapping[str, tuple[str, ...]],
) -> dict[str, tuple[tuple[str, str], ...]]:
    """For every driver, each of its commands with the shim's name.

    A command with its driver's name gets that name; otherwise the first driver in the declaration gets a name.
    A later driver's command is called `<driver>`, its further ones `<driver>-<command>`;
    none of these names is another command of the same driver.
    """
    taken = {driver: driver for driver, names in commands.items() if driver in names}
    result: dict[str, tuple[tuple[str, str], ...]] = {}
    for driver, names in commands.items():
        shims: list[tuple[str, str]] = []
        for command in names:
            shim = _free_name(driver, command, names, taken)
            taken[shim] = driver
            shims.append((command, shim))
        result[driver] = tuple(shims)
    return result


def _free_name(driver: str, command: str, names: tuple[str, ...], taken: Mapping[str, str]) -> str:
    for name in _candidates(driver, command):
        owner = taken.get(name)
        if name != command and name in names:
            continue
        if owner is None or (owner == driver and name == command == driver):
            return name
    raise AssertionError(f"no shim name is left for {command} of {driver}")


def _candidates(driver: str, command: str) -> Iterable[str]:
    yield command
    yield driver
    yield f"{driver}-{command}"
    number = 2
    while True:
        yield f"{driver}-{command}-{number}"
        number += 1


def check_commands(declaration: Declaration) -> tuple[Finding, ...]:
    """Clashes in the declaration's order.

    The later driver's command gets the driver's name, which the declaration's order decides;
    if that name is taken too, the declaration does not decide.
    """
    drivers = [driver for driver in declaration.drivers if driver.enabled]
    named = name_shims({driver.name: driver.commands for driver in drivers})
    owners = {shim: driver for driver, shims in named.items() for _, shim in shims}
    found = []
    for driver in drivers:
        for command, shim in named[driver.name]:
            if shim == command:
                continue
            settled = shim == driver.name
            first = owners.get(command, "another driver")
            name = f"{driver.name}'s is called {shim}"
            found.append(
                Finding(
                    code=Code.COMMAND_SHARED if settled else Code.COMMAND_CLASH,
                    subject=driver.name,
                    message=f"the command {command} is that of {first}, and {name}",
                    path=declaration.file,
                    line=driver.line,
                    hint=None if settled else "say in `commands` which driver exposes what",
                )
            )
    return tuple(found)
