"""Commands that two drivers expose, and whether both still have a name of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding
from envbuild.store.shims import name_shims

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration


def check_commands(declaration: Declaration) -> tuple[Finding, ...]:
    """Clashes in the order of the declaration, whose drivers' commands are settled.

    Who comes later is called by the driver's name, which the declaration settles by its order;
    it does not settle where that name is taken as well.
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
                    level="note" if settled else "error",
                )
            )
    return tuple(found)
