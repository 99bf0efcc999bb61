"""The commands that a driver's locked packages provide, and the driver's own commands.

A lockfile records the commands of the packages that had to be read:
always those of the driver's first requirement; others only while a wanted command was not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem
from envbuild.requirement.parse import normalized_name
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

_SHOWN = 12
"""The most commands in a hint."""


def packages_to_look_at(driver: Driver, lockfile: Lockfile) -> tuple[LockedPackage, ...]:
    """The wheels to read next for their commands; none if the lockfile has the answer for each variant.

    First the wheel of the first requirement, then packages with a command's name,
    then the driver's other requirements, then all: this order decides what a lockfile records.
    If the first two have no such command, the name of the parent driver (`extends`) is tried.
    """
    parts = (_to_look_at(driver, part) for _, part in lockfile.by_variant())
    return next((packages for packages in parts if packages), ())


def _to_look_at(driver: Driver, lockfile: Lockfile) -> tuple[LockedPackage, ...]:
    """The same for the packages of one variant."""
    unknown = [package for package in lockfile.packages if _can_be_looked_at(package)]
    direct = [requirement.name for requirement in driver.requires]
    first = [package for package in unknown if package.name == direct[0]]
    if first or _is_answered(driver, lockfile):
        return tuple(first)
    alike = set(map(normalized_name, _wanted(driver)))
    if found := tuple(package for package in unknown if package.name in alike):
        return found
    if _is_answered(driver, lockfile, inherited=True):
        return ()
    return tuple(package for package in unknown if package.name in direct) or tuple(unknown)


def settled(driver: Driver, lockfile: Lockfile) -> Driver:
    """The driver with `binary` and `commands` from its locked packages, if they are known."""
    if not driver.default_binaries:
        return driver
    binary = _default_binary(driver, lockfile) or driver.binary
    commands = (binary if name == driver.binary else name for name in driver.commands)
    return replace(
        driver, binary=binary, commands=tuple(dict.fromkeys(commands)), default_binaries=()
    )


def settle_all(declaration: Declaration, lockfiles: Mapping[str, Lockfile]) -> Declaration:
    """The declaration with these commands for every driver that has a lockfile."""
    drivers = (
        settled(driver, lockfiles[driver.name]) if driver.name in lockfiles else driver
        for driver in declaration.drivers
    )
    return replace(declaration, drivers=tuple(drivers))


def command_problems(driver: Driver, lockfile: Lockfile, file: str) -> tuple[Problem, ...]:
    """Commands that no locked package, or none of a variant, provides, with the existing ones; none if unknown."""
    found = tuple(_problems(driver, lockfile, file))
    if found or not lockfile.inputs.variants:
        return found
    return tuple(
        replace(problem, message=f"{problem.message} in its variant {variant}")
        for variant, part in lockfile.by_variant()
        for problem in _problems(driver, part, file)
    )


def unknown_commands(driver: Driver, lockfile: Lockfile) -> tuple[str, ...]:
    """The wanted commands that the lockfile's record does not decide; none without a record."""
    if all(package.commands is None for package in lockfile.packages):
        return ()
    unknown = (
        name
        for _, part in lockfile.by_variant()
        if _to_look_at(driver, part)
        for name in _wanted(driver)
        if name not in _provided(part)
    )
    return tuple(dict.fromkeys(unknown))


def _problems(driver: Driver, lockfile: Lockfile, file: str) -> Iterator[Problem]:
    if not _is_known(lockfile):
        return
    there = _provided(lockfile)
    lines = dict(driver.origins)
    missing = [name for name in _explicit(driver) if name not in there]
    for name in missing:
        key = "binary" if name == driver.binary else "commands"
        if name in driver.command[:1]:
            key = "command"
        elif name not in driver.commands:
            key = "prepare"
        yield Problem(
            file=file,
            line=lines.get(key, driver.line),
            key=f"drivers.{driver.name}.{key}",
            message=f"no locked package of {driver.name} provides the command {name!r}",
            hint=_commands_hint(there),
        )
    if driver.default_binaries and _default_binary(driver, lockfile) is None:
        first = driver.requires[0].name
        own = _commands_of(lockfile, first)
        what = f"{first} has {len(own)} commands" if own else f"{first} has no command"
        yield Problem(
            file=file,
            line=driver.line,
            key=f"drivers.{driver.name}.binary",
            message=f"no locked package of {driver.name} provides the command "
            f"{driver.default_binaries[0]!r}, and {what}",
            hint=f"set `binary` to the command to start, or `module` to what `python -m` starts; "
            f"{_commands_hint(own or there)}",
        )


def _commands_hint(there: tuple[str, ...]) -> str:
    if not there:
        return "there are none: require the package that has the command"
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return f"there are: {', '.join(there[:_SHOWN])}{more}"


def _default_binary(driver: Driver, lockfile: Lockfile) -> str | None:
    """The default of `binary`; None if the packages do not decide it."""
    there = _provided(lockfile)
    for name in driver.default_binaries:
        if name in there:
            return name
    own = _commands_of(lockfile, driver.requires[0].name)
    if len(own) == 1:
        return own[0]
    return None if _is_known(lockfile) else driver.binary


def _is_answered(driver: Driver, lockfile: Lockfile, *, inherited: bool = False) -> bool:
    """Whether all wanted commands were found; with `inherited` a parent's name counts too."""
    there = _provided(lockfile)
    names = driver.default_binaries if inherited else driver.default_binaries[:1]
    found = not names or any(name in there for name in names)
    return found and all(name in there for name in _explicit(driver))


def _wanted(driver: Driver) -> tuple[str, ...]:
    """The commands to look for: declared ones, and the first possible name of `binary`."""
    return (*_explicit(driver), *driver.default_binaries[:1])


def _explicit(driver: Driver) -> tuple[str, ...]:
    """The declared commands, without defaults."""
    assumed = driver.binary if driver.default_binaries else None
    return tuple(name for name in driver.package_commands if name != assumed)


def _can_be_looked_at(package: LockedPackage) -> bool:
    """Whether its commands are unknown and can be read; a source distribution has none before it is built."""
    return package.commands is None and package.has_only_wheels


def _is_known(lockfile: Lockfile) -> bool:
    """Whether the commands of all packages are known."""
    return all(package.commands is not None for package in lockfile.packages)


def _provided(lockfile: Lockfile) -> tuple[str, ...]:
    names = {name for package in lockfile.packages for name in package.commands or ()}
    return tuple(sorted(names))


def _commands_of(lockfile: Lockfile, package: str) -> tuple[str, ...]:
    entries = (entry for entry in lockfile.packages if entry.name == package)
    return tuple(sorted({name for entry in entries for name in entry.commands or ()}))
