"""Whether this host has the packages that a driver inherits, at the versions that it was locked with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.requirement.parse import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.declaration.declaration import Driver
    from envbuild.environment.derivation import InheritedDistribution
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.python.host_packages import HostDistribution
    from envbuild.target.target import Target


def inherited_here(
    driver: Driver,
    lockfile: Lockfile,
    target: Target,
    host_packages: Callable[[str], tuple[HostDistribution, ...] | None],
    *,
    file: str,
) -> tuple[InheritedDistribution, ...]:
    """The host's distributions that a driver is locked with on a target, ordered by name.

    HostError has every difference with both versions; `file` is the declaration's.
    """
    if driver.inherit is None:
        return ()
    python = driver.inherit.python
    there, wanted = host_packages(python), _inherited_on(lockfile, target)
    if there is None:
        differences = [f"{python} does not start"]
    else:
        found = {one.found.name: one.found for one in there}
        differences = list(_differences(driver.name, python, wanted, found))
    if differences:
        hint = (
            f"install on this host what is locked; or run `{python} -m pip inspect > host.json` "
            f"here, and `envbuild lock --host-packages {driver.inherit.list_name} {driver.name}`"
        )
        key = f"drivers.{driver.name}.{driver.inherit.key}"
        raise HostError(
            Problem(file=file, line=driver.inherit.line, key=key, message=message, hint=hint)
            for message in differences
        )
    return tuple(found[package.name] for package in wanted)


def _inherited_on(lockfile: Lockfile, target: Target) -> tuple[LockedPackage, ...]:
    return tuple(package for package in lockfile.inherited if target in package.targets)


def _differences(
    driver: str,
    python: str,
    wanted: tuple[LockedPackage, ...],
    found: Mapping[str, InheritedDistribution],
) -> Iterator[str]:
    for package in wanted:
        here = found.get(package.name)
        if here is None:
            yield (
                f"{driver} is locked with the host's {package.name} {package.version}, "
                f"and {python} has no {package.name}"
            )
        elif parse_version(here.version) != parse_version(package.version):
            yield (
                f"{driver} is locked with the host's {package.name} {package.version}, "
                f"and {python} has {here.version}"
            )
        elif not here.record:
            yield (
                f"{python} has {package.name} {here.version} without a RECORD "
                f"({here.folder}), so its files are not known"
            )
