"""`envbuild show`: what is effective for a driver, and where it comes from."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from envbuild.commands.selection import select_drivers
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration, Driver

_HEADER = re.compile(r"^[ \t]*\[\[?(?P<path>[^\[\]\n]+)\]")


@value
class Effective:
    """One key, or one element of a list or table, as it counts for a driver."""

    key: str
    """Such as `python`, `requires[2]` or `env.NAME`."""

    value: object
    """A string, a boolean, a number, or a tuple of strings or of words."""

    line: int | None
    """Where it stands in the file; None for what is built in."""

    table: str | None
    """The table that it stands in, such as `defaults` or `sets.web`."""


@value
class Shown:
    """A driver's effective declaration."""

    driver: str
    extends: str | None
    lines: tuple[Effective, ...]


@value
class ShowResult:
    """What `envbuild show` found."""

    file: str
    hosts: tuple[str, ...]
    """The host tables that apply here."""

    drivers: tuple[Shown, ...]


def show(
    declaration: Declaration, names: tuple[str, ...], text: str, hosts: tuple[str, ...]
) -> ShowResult:
    """The named drivers, or all of them, with host tables applied already; `text` is the file's."""
    chosen = select_drivers(declaration, names) if names else declaration.drivers
    tables = table_headers(text)
    return ShowResult(
        file=declaration.file,
        hosts=hosts,
        drivers=tuple(
            Shown(driver=driver.name, extends=driver.extends, lines=tuple(_lines(driver, tables)))
            for driver in chosen
        ),
    )


def _lines(driver: Driver, tables: list[tuple[int, str]]) -> Iterator[Effective]:
    origins = dict(driver.origins)
    for index, requirement in enumerate(driver.requires):
        yield _effective(f"requires[{index}]", requirement.text, requirement.line, tables)
    for key, text in _simple(driver):
        yield _effective(key, text, origins.get(key), tables)
    for index, text in enumerate(driver.constraints):
        yield _effective(f"constraints[{index}]", text, origins.get(f"constraints.{text}"), tables)
    for name, limit in driver.exclude_newer_packages:
        key = f"exclude-newer-packages.{name}"
        yield _effective(key, limit or False, origins.get(key), tables)
    for name, text in driver.env:
        yield _effective(f"env.{name}", text, origins.get(f"env.{name}"), tables)


def _simple(driver: Driver) -> Iterator[tuple[str, object]]:
    """Every other key in the order of the documentation; those that say nothing are left out."""
    yield "binary", driver.binary
    yield "commands", driver.commands
    yield "version-of", driver.version_of
    yield "python", driver.python
    yield "python-downloads", driver.python_downloads
    yield "platforms", driver.platforms
    optional: tuple[tuple[str, object], ...] = (
        ("exclude-newer", driver.exclude_newer),
        (
            "accelerator",
            driver.accelerator and f"{driver.accelerator.kind} {driver.accelerator.versions}",
        ),
        ("overrides", driver.overrides),
        ("allow-sdist", driver.allow_sdist),
        ("probe", driver.probe),
        ("imports", driver.imports),
    )
    yield from ((key, value) for key, value in optional if value)
    if driver.probe or driver.imports:
        yield "probe-timeout", driver.probe_timeout
    yield "bytecode", driver.bytecode
    yield "overlap", driver.overlap
    yield "enabled", driver.enabled


def _effective(
    key: str, value: object, line: int | None, tables: list[tuple[int, str]]
) -> Effective:
    above = 0 if line is None else bisect_right(tables, line, key=lambda table: table[0])
    return Effective(key=key, value=value, line=line, table=tables[above - 1][1] if above else None)


def table_headers(text: str) -> list[tuple[int, str]]:
    """The line of each table's header, with its path."""
    headers = ((number, _HEADER.match(line)) for number, line in enumerate(text.split("\n"), 1))
    return [(number, header["path"].strip()) for number, header in headers if header is not None]
