"""Edit the text of `drivers.toml`; comments, order and everything else stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.items import Array

from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import no_driver
from envbuild.toml_text import toml_string

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tomlkit import TOMLDocument

_INLINE_WIDTH = 88
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def render_driver(
    name: str, requires: Iterable[str], *, more: Iterable[tuple[str, object]] = ()
) -> str:
    """The table of a new driver, for the end of a file."""
    key = name if _BARE_KEY.fullmatch(name) else _value(name)
    lines = [f"[drivers.{key}]", f"requires = {_list(tuple(requires))}"]
    lines += [f"{key} = {_value(value)}" for key, value in more]
    return "".join(f"{line}\n" for line in lines)


def append_driver(text: str, table: str) -> str:
    """The text with a driver's table at its end, after a blank line."""
    return (f"{text.rstrip()}\n\n" if text.strip() else "version = 1\n\n") + table


def add_requirements(text: str, driver: str, requirements: Iterable[str]) -> str:
    """The text with these requirements; a requirement on the same package is replaced.

    A new driver is added at the end.
    """
    document = tomlkit.parse(text)
    table = _driver(document, driver)
    if table is None:
        return append_driver(text, render_driver(driver, requirements))
    array = _array(table, driver)
    for requirement in requirements:
        place = _place(array, requirement)
        if place is None:
            array.append(requirement)
        elif _normal(array[place]) != _normal(requirement):
            array[place] = requirement
    return tomlkit.dumps(document)


def remove_requirements(text: str, driver: str, names: Iterable[str], *, file: str) -> str:
    """The text without these packages; without names, without the driver.

    UsageError if the driver or a package is missing, or nothing would be left.
    """
    document = tomlkit.parse(text)
    table = _require_driver(document, driver, file)
    wanted = tuple(map(canonicalize_name, names))
    if not wanted:
        del _table(document)[driver]
        return tomlkit.dumps(document)
    array = _array(table, driver)
    found = [_name(item) for item in array]
    unknown = [name for name in wanted if name not in found]
    if unknown:
        hint = f"it requires {', '.join(name for name in found if name)}"
        key = f"drivers.{driver}.requires"
        raise UsageError(
            Problem(file=file, key=key, message=f"{driver} does not require {name}", hint=hint)
            for name in unknown
        )
    for index in reversed(range(len(array))):
        if found[index] in wanted:
            del array[index]
    if not array:
        message = f"{driver} would have no requirement left"
        hint = f"`envbuild remove {driver}` removes the driver"
        raise UsageError(Problem(file=file, key=f"drivers.{driver}", message=message, hint=hint))
    return tomlkit.dumps(document)


def set_key(text: str, driver: str, key: str, written: str, *, file: str) -> str:
    """The text with a driver's key set; `written` is TOML, or else a string."""
    document = tomlkit.parse(text)
    table = _require_driver(document, driver, file)
    steps = key.split(".")
    for step in steps[:-1]:
        table = _inner(table, step)
    value = _parsed(written)
    table[steps[-1]] = written if steps[0] == "env" and not isinstance(value, str | dict) else value
    return tomlkit.dumps(document)


def _inner(table: MutableMapping[str, object], step: str) -> MutableMapping[str, object]:
    inner = table.setdefault(step, tomlkit.inline_table())
    if not isinstance(inner, dict):
        raise UsageError(Problem(key=step, message=f"{step} is not a table, so it has no keys"))
    return inner


def _parsed(written: str) -> object:
    """A value; `3.12` is a text, because versions are texts and no key takes a fraction."""
    try:
        value: object = tomlkit.parse(f"x = {written}")["x"]
    except (tomlkit.exceptions.ParseError, ValueError):
        return written
    return written if isinstance(value, float) else value


def _table(document: TOMLDocument) -> MutableMapping[str, object]:
    drivers = document.get("drivers")
    return drivers if isinstance(drivers, MutableMapping) else {}


def _driver(document: TOMLDocument, name: str) -> MutableMapping[str, object] | None:
    found = _table(document).get(name)
    return found if isinstance(found, MutableMapping) else None


def _require_driver(document: TOMLDocument, name: str, file: str) -> MutableMapping[str, object]:
    table = _driver(document, name)
    if table is None:
        message, hint = no_driver(name, _table(document))
        raise UsageError(Problem(file=file, message=message, hint=hint))
    return table


def _array(table: MutableMapping[str, object], driver: str) -> Array:
    array = table.get("requires")
    if array is None:
        array = tomlkit.array()
        table["requires"] = array
    if not isinstance(array, Array):
        message = f"drivers.{driver}.requires is not a list"
        raise UsageError(Problem(key=f"drivers.{driver}.requires", message=message))
    return array


def _place(array: Array, requirement: str) -> int | None:
    """The position in the list of the package with the same marker."""
    new = Requirement(requirement)
    for index, item in enumerate(array):
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
    """A string, a boolean, or a list of strings, as TOML."""
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


def declared_drivers(text: str) -> tuple[str, ...]:
    """The names of the drivers in a valid TOML text."""
    drivers = tomllib.loads(text).get("drivers", {})
    return tuple(drivers) if isinstance(drivers, dict) else ()
