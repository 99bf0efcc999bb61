"""`[hosts.NAME]`: changes on some hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.declaration import HostChange, HostTable
from envbuild.declaration.toml.command import early_variables, note_early, starts_own_command
from envbuild.declaration.toml.keys import ACCELERATOR, DRIVER_KEYS, ENV, HOST_ROWS
from envbuild.declaration.toml.table import (
    Key,
    Place,
    Table,
    TextError,
    kind,
    read_table,
    text,
    unread,
)
from envbuild.nearest_name import no_driver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from envbuild.declaration.driver import Driver

_FORM = '[hosts.NAME] with hostname = "gpu-*" or accelerator = { cuda = ">=12.4" }'
_LONGEST_NAME = 253
"""In characters, the limit of DNS."""

_PATTERN = re.compile(r"[A-Za-z0-9.*?-]+")
_TABLE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")


def _pattern(written: str) -> str:
    if len(written) > _LONGEST_NAME or not _PATTERN.fullmatch(written):
        hint = "write a host's name, with `*` for any characters, such as 'gpu-*'"
        raise TextError(f"{written!r} is not a pattern of host names", hint=hint)
    return written.lower()


HOSTNAME = Key("hostname", text(_pattern))
HOST_DRIVERS = Key("drivers", unread)
HOST_KEYS: tuple[Key[object], ...] = (HOSTNAME, ACCELERATOR, HOST_DRIVERS)

CHANGE_KEYS = tuple(row.key for row in HOST_ROWS)

_DECIDING = frozenset(key.name for key in DRIVER_KEYS) - {key.name for key in CHANGE_KEYS}


def read_hosts(value: object, place: Place, known: Collection[str]) -> tuple[HostTable, ...]:
    """Every `[hosts.NAME]`; `known` are the declared drivers."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=f"a host table is {_FORM}")
        return ()
    found = (_read_host(name, inner, place.at(name), known) for name, inner in value.items())
    return tuple(table for table in found if table is not None)


def _read_host(name: str, value: object, place: Place, known: Collection[str]) -> HostTable | None:
    if not _TABLE_NAME.fullmatch(name):
        place.wrong(f"{name!r} is not a host table's name", hint="letters, digits, hyphens between")
    table = read_table(value, place, HOST_KEYS, hint=f"a host table is {_FORM}")
    if table is None:
        return None
    if not table.has(HOSTNAME) and not table.has(ACCELERATOR):
        place.wrong("the host table selects no host", hint=f"write {_FORM}")
    drivers = table.get(HOST_DRIVERS)
    if not drivers:
        place.wrong("the host table changes nothing", hint=f"add [hosts.{name}.drivers.DRIVER]")
    return HostTable(
        name=name,
        line=place.line,
        hostname=table.get(HOSTNAME),
        accelerator=table.get(ACCELERATOR),
        changes=_read_changes(drivers or {}, place.at(HOST_DRIVERS.name), known),
    )


def _read_changes(value: object, place: Place, known: Collection[str]) -> tuple[HostChange, ...]:
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}")
        return ()
    found = []
    for name, inner in value.items():
        if name not in known:
            message, hint = no_driver(name, known)
            place.at(name).wrong(message, hint=hint)
        table = _read_change(inner, place.at(name))
        if table is not None:
            found.append(_change(name, table))
    return tuple(found)


def _read_change(value: object, place: Place) -> Table | None:
    if isinstance(value, dict):
        for key in _DECIDING & value.keys():
            place.at(key).wrong(
                f"`{key}` cannot differ from host to host: it decides what is locked or exposed",
                hint="declare a second driver that extends this one",
            )
        value = {key: inner for key, inner in value.items() if key not in _DECIDING}
    return read_table(value, place, CHANGE_KEYS)


def _change(name: str, table: Table) -> HostChange:
    return HostChange(
        driver=name,
        line=table.place.line,
        env=table.get(ENV) or (),
        given=tuple(table.given(key for key in CHANGE_KEYS if key is not ENV).items()),
    )


def check_host_env(hosts: Iterable[HostTable], place: Place, drivers: Iterable[Driver]) -> None:
    """Note variables that a host table sets too late; `place` is that of all host tables."""
    named = {driver.name: driver for driver in drivers}
    for table in hosts:
        for change in table.changes:
            driver = named.get(change.driver)
            if driver is None or starts_own_command(driver):
                continue
            inner = place.at(table.name, HOST_DRIVERS.name, driver.name, ENV.name)
            for name in early_variables(change.env):
                note_early(inner.at(name), name, driver.name)
