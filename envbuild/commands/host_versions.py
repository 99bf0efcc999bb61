"""Whether this host has the packages that a driver inherits, at the versions that it was locked with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.host_files import UNKNOWN_HINT, files_digest, host_files
from envbuild.errors import HostError, Problem
from envbuild.requirement.parse import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.declaration.driver import Driver
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
        differences, unknown = [f"{python} does not start"], []
    else:
        found = {one.found.name: one.found for one in there}
        differences = list(_differences(driver.name, python, wanted, found))
        unknown = list(_unknown(found[one.name] for one in wanted if one.name in found))
    if differences or unknown:
        hint = (
            f"install on this host what is locked; or run `{python} -m pip inspect > host.json` "
            f"here, and `envbuild lock --host-packages {driver.inherit.list_name} {driver.name}`"
        )
        key, line = f"drivers.{driver.name}.{driver.inherit.key}", driver.inherit.line
        said = [(message, hint) for message in differences]
        said += ((message, UNKNOWN_HINT) for message in unknown)
        raise HostError(
            Problem(file=file, line=line, key=key, message=message, hint=hint)
            for message, hint in said
        )
    return tuple(_with_digest(found[package.name]) for package in wanted)


def _with_digest(one: InheritedDistribution) -> InheritedDistribution:
    """The distribution with a digest; where there is no RECORD, its files are read."""
    return one if one.record else one._replace(record=files_digest(Path(one.folder)))


def _unknown(found: Iterable[InheritedDistribution]) -> Iterator[str]:
    for one in found:
        if not one.record and (reason := host_files(Path(one.folder)).unknown):
            yield f"the files of the host's {one.name} {one.version} are not known: {reason} ({one.folder})"


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
