"""Edit the text of `drivers.toml`; every line that is not of the changed key stays."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envbuild.declaration.toml.positions import locate, render_path
from envbuild.declaration.toml.splice import (
    with_element,
    with_value,
    without_element,
    without_table,
)
from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import no_driver
from envbuild.toml_text import toml_string

if TYPE_CHECKING:
    from collections.abc import Iterable

_INLINE_WIDTH = 88


def render_driver(
    name: str, requires: Iterable[str], *, more: Iterable[tuple[str, object]] = ()
) -> str:
    """The table of a new driver, for the end of a file."""
    lines = [f"[{render_path(('drivers', name))}]", f"requires = {_list(tuple(requires))}"]
    lines += [f"{key} = {_value(value)}" for key, value in more]
    return "".join(f"{line}\n" for line in lines)


def append_driver(text: str, table: str) -> str:
    """The text with a driver's table at its end, after a blank line."""
    if not text.strip():
        return f"version = 1\n\n{table}"
    text = text if text.endswith("\n") else f"{text}\n"
    return f"{text}{table}" if text.endswith("\n\n") else f"{text}\n{table}"


def add_requirements(text: str, driver: str, requirements: Iterable[str]) -> str:
    """The text with these requirements; a requirement on the same package is replaced.

    A new driver is added at the end.
    """
    path = ("drivers", driver, "requires")
    if driver not in _drivers(text):
        if ("drivers",) in locate(text).values:  # an inline table, which no header can extend
            return with_value(text, path, _value(list(requirements)))
        return append_driver(text, render_driver(driver, requirements))
    for requirement in requirements:
        items = _requires(text, driver)
        place = _place(items, requirement)
        if items is None:
            text = with_value(text, path, _value([requirement]))
        elif place is None:
            text = with_element(text, path, _value(requirement))
        elif _normal(items[place]) != _normal(requirement):
            text = with_value(text, (*path, place), _value(requirement))
    return text


def remove_requirements(text: str, driver: str, names: Iterable[str], *, file: str) -> str:
    """The text without these packages; without names, without the driver.

    UsageError if the driver or a package is missing, or nothing would be left.
    """
    _refuse_missing(text, driver, file)
    wanted = tuple(map(canonicalize_name, names))
    if not wanted:
        return without_table(text, ("drivers", driver))
    found = [_name(item) for item in _requires(text, driver) or ()]
    unknown = [name for name in wanted if name not in found]
    if unknown:
        hint = f"it requires {', '.join(name for name in found if name)}"
        key = f"drivers.{driver}.requires"
        raise UsageError(
            Problem(file=file, key=key, message=f"{driver} does not require {name}", hint=hint)
            for name in unknown
        )
    removed = [index for index, name in enumerate(found) if name in wanted]
    if len(removed) == len(found):
        message = f"{driver} would have no requirement left"
        hint = f"`envbuild remove {driver}` removes the driver"
        raise UsageError(Problem(file=file, key=f"drivers.{driver}", message=message, hint=hint))
    for index in reversed(removed):
        text = without_element(text, ("drivers", driver, "requires", index))
    return text


def set_key(text: str, driver: str, key: str, written: str, *, file: str) -> str:
    """The text with a driver's key set; `written` is TOML, or else a string."""
    _refuse_missing(text, driver, file)
    steps = key.split(".")
    value = _parsed(written)
    if steps[0] == "env" and not isinstance(value, str | dict):
        value = written
    try:
        return with_value(text, ("drivers", driver, *steps), _inline(value))
    except ValueError as error:
        raise UsageError(Problem(file=file, key=key, message=str(error))) from None


def _inline(value: object) -> str:
    """Any value as TOML in one place, a table in braces."""
    if not isinstance(value, dict):
        return tomlkit.item(value).as_string()
    table = tomlkit.inline_table()
    table.update(value)
    return table.as_string()


def _parsed(written: str) -> object:
    """A value; `3.12` is a text, because versions are texts and no key takes a fraction."""
    try:
        value: object = tomllib.loads(f"x = {written}")["x"]
    except ValueError:
        return written
    return written if isinstance(value, float) else value


def _drivers(text: str) -> dict[str, Any]:
    """The drivers' tables of a valid TOML text, by name."""
    drivers = tomllib.loads(text).get("drivers", {})
    return drivers if isinstance(drivers, dict) else {}


def _refuse_missing(text: str, driver: str, file: str) -> None:
    drivers = _drivers(text)
    if not isinstance(drivers.get(driver), dict):
        message, hint = no_driver(driver, drivers)
        raise UsageError(Problem(file=file, message=message, hint=hint))


def _requires(text: str, driver: str) -> list[object] | None:
    """What a driver requires; None without the key."""
    items = _drivers(text)[driver].get("requires")
    if items is not None and not isinstance(items, list):
        message = f"drivers.{driver}.requires is not a list"
        raise UsageError(Problem(key=f"drivers.{driver}.requires", message=message))
    return items


def _place(items: list[object] | None, requirement: str) -> int | None:
    """The position in the list of the package with the same marker."""
    new = Requirement(requirement)
    for index, item in enumerate(items or ()):
        old = _requirement(item)
        if (
            old is not None
            and canonicalize_name(old.name) == canonicalize_name(new.name)
            and str(old.marker) == str(new.marker)
        ):
            return index
    return None


def _requirement(item: object) -> Requirement | None:
    try:
        return Requirement(item) if isinstance(item, str) else None
    except InvalidRequirement:
        return None


def _normal(item: object) -> str:
    requirement = _requirement(item)
    if requirement is None:
        return str(item)
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _name(item: object) -> str | None:
    requirement = _requirement(item)
    return None if requirement is None else canonicalize_name(requirement.name)


def _list(items: tuple[str, ...]) -> str:
    inline = _value(list(items))
    if len(inline) <= _INLINE_WIDTH:
        return inline
    return "[\n" + "".join(f"    {_value(item)},\n" for item in items) + "]"


def _value(value: object) -> str:
    """A string, a boolean, a list of strings, or a table of these, as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return toml_string(value)


def driver_name(text: str) -> str:
    """A valid driver name from any name: lower case, digits and single hyphens, at most 40 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "driver"


def has_default(text: str, key: str) -> bool:
    """Whether `[defaults]` of a valid TOML text has a key."""
    defaults = tomllib.loads(text).get("defaults")
    return isinstance(defaults, dict) and key in defaults


def declared_drivers(text: str) -> tuple[str, ...]:
    """The names of the drivers in a valid TOML text."""
    return tuple(_drivers(text))
