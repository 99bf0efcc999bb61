"""`envbuild show`: a driver's effective settings, and where they come from."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from envbuild.commands.selection import select_drivers
from envbuild.declaration.driver import Inherit, Launch
from envbuild.declaration.toml.keys import (
    DRIVER_TABLE,
    REQUIRES,
    TORCH_BACKEND,
    add_to_inherited,
    replace_by_name,
)
from envbuild.declaration.toml.source import SOURCES
from envbuild.declaration.toml.variant import VARIANTS
from envbuild.declaration.torch_backend import backend_of
from envbuild.target.accelerator import Accelerator
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import DeclaredRequirement, Driver, Variant
    from envbuild.declaration.toml.keys import DriverKey
    from envbuild.declaration.toml.table import Key

_HEADER = re.compile(r"^[ \t]*\[\[?(?P<path>[^\[\]\n]+)\]")


@value
class Effective:
    """A key, or an element of a list or table, in a driver's effective settings."""

    key: str
    """Such as `python`, `requires[2]` or `env.NAME`."""

    value: object
    """A string, a boolean, a number, or a tuple of strings or of words."""

    line: int | None
    """Its line in the file; None for a built-in default."""

    table: str | None
    """Its table, such as `defaults` or `sets.web`."""


@value
class Shown:
    """A driver's effective settings."""

    driver: str
    extends: str | None
    lines: tuple[Effective, ...]


@value
class ShowResult:
    """The result of `envbuild show`."""

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
    for row in DRIVER_TABLE:
        value = _effective_value(driver, row)
        if row.key in (REQUIRES, VARIANTS, SOURCES):
            yield from _table_lines(row.key, driver, tables)
        elif row.merge is add_to_inherited:
            for index, text in enumerate(value):
                line = origins.get(f"{row.name}.{text}")
                yield _effective(f"{row.name}[{index}]", text, line, tables)
        elif row.merge is replace_by_name:
            for name, element in value:
                key = f"{row.name}.{name}"
                shown = False if element is None else element
                yield _effective(key, shown, origins.get(key), tables)
        elif _is_shown(row.name, value, driver):
            yield _effective(row.name, _plain(value), origins.get(row.name), tables)


def _effective_value(driver: Driver, row: DriverKey) -> Any:
    """The value of a key; for `torch-backend = "auto"` what it means, which each variant says for itself."""
    if row.field == "python":
        return driver.pythons
    if row.key is not TORCH_BACKEND:
        return getattr(driver, row.field)
    return None if driver.variants else backend_of(driver)


def _variant_lines(
    driver: Driver, variant: Variant, tables: list[tuple[int, str]]
) -> Iterator[Effective]:
    key = f"variants.{variant.name}"
    accelerator = _plain(variant.accelerator) if variant.accelerator is not None else "any host"
    yield _effective(f"{key}.accelerator", accelerator, variant.line, tables)
    for index, name in enumerate(variant.indexes):
        yield _effective(f"{key}.indexes[{index}]", name, variant.line, tables)
    backend = backend_of(driver, variant)
    if backend is not None:
        inherited = dict(driver.origins).get(TORCH_BACKEND.name)
        line = variant.line if variant.torch_backend is not None else inherited
        yield _effective(f"{key}.{TORCH_BACKEND.name}", backend, line, tables)
    if (inherit := variant.inherit) is not None:
        yield _effective(f"{key}.inherit", _plain(inherit), inherit.line, tables)
    yield from _requirement_lines(f"{key}.requires", variant.requires, tables)


def _table_lines(
    key: Key[object], driver: Driver, tables: list[tuple[int, str]]
) -> Iterator[Effective]:
    """The lines of a key whose elements have lines of their own."""
    if key is REQUIRES:
        yield from _requirement_lines("requires", driver.requires, tables)
    elif key is VARIANTS:
        for one in driver.variants:
            yield from _variant_lines(driver, one, tables)
    else:
        for source in driver.sources:
            yield _effective(f"sources.{source.locked.name}", source.shown, source.line, tables)


def _requirement_lines(
    key: str, requires: tuple[DeclaredRequirement, ...], tables: list[tuple[int, str]]
) -> Iterator[Effective]:
    for index, requirement in enumerate(requires):
        yield _effective(f"{key}[{index}]", requirement.text, requirement.line, tables)


def _is_shown(key: str, value: object, driver: Driver) -> bool:
    """Whether a key has an effect; a probe's time limit has one only with a probe."""
    if key == "probe-timeout":
        return bool(driver.probe or driver.imports)
    return value is not None and value != ()


def _plain(value: object) -> object:
    if isinstance(value, Inherit):
        return f"{', '.join(value.packages)} of {value.python}"
    if isinstance(value, Launch):
        parts = {
            "port": value.port,
            "after": ", ".join(value.after),
            "environment-file": value.environment_file,
            "arguments": " ".join(map(shlex.quote, value.arguments)),
            "health-path": value.health_path,
        }
        return "; ".join(f"{name} {part}" for name, part in parts.items() if part)
    return str(value) if isinstance(value, Accelerator) else value


def _effective(
    key: str, value: object, line: int | None, tables: list[tuple[int, str]]
) -> Effective:
    above = 0 if line is None else bisect_right(tables, line, key=lambda table: table[0])
    return Effective(key=key, value=value, line=line, table=tables[above - 1][1] if above else None)


def table_headers(text: str) -> list[tuple[int, str]]:
    """The line of each table's header, with its path."""
    headers = ((number, _HEADER.match(line)) for number, line in enumerate(text.split("\n"), 1))
    return [(number, header["path"].strip()) for number, header in headers if header is not None]
