"""The declaration on one host."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from envbuild.target.accelerator import accelerator_missing
from envbuild.value import replace

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration, HostChange, HostTable
    from envbuild.declaration.driver import Driver
    from envbuild.target.target import Host


def applies(table: HostTable, hostname: str, host: Host) -> bool:
    """Whether a host table applies to this host: all its conditions are true."""
    if table.hostname is not None and not fnmatchcase(hostname.lower(), table.hostname):
        return False
    return (
        table.accelerator is None
        or accelerator_missing(table.accelerator, host.accelerators) is None
    )


def declaration_on(declaration: Declaration, hostname: str, host: Host) -> Declaration:
    """The declaration with every host table that applies; later ones override earlier ones.

    The keys that decide a lockfile do not change, and the digest is still the file's.
    """
    changes: dict[str, list[HostChange]] = {}
    for table in declaration.hosts:
        if applies(table, hostname, host):
            for change in table.changes:
                changes.setdefault(change.driver, []).append(change)
    drivers = tuple(
        _changed(driver, changes[driver.name]) if driver.name in changes else driver
        for driver in declaration.drivers
    )
    return replace(declaration, drivers=drivers)


def _changed(driver: Driver, changes: list[HostChange]) -> Driver:
    """The driver with all changes in turn."""
    given: dict[str, object] = {}
    env, lines = dict(driver.env), dict(driver.origins)
    for change in changes:
        said = dict(change.given)
        given |= said
        env |= dict(change.env)
        lines |= {key.replace("_", "-"): change.line for key in said}
        lines |= {f"env.{name}": change.line for name, _ in change.env}
    whole = {"env": tuple(sorted(env.items())), "origins": tuple(sorted(lines.items()))}
    return replace(driver, **whole, **given)
