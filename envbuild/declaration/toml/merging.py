"""A driver's effective values: its own keys, then those of its parent, then the defaults.

The table of keys says how each is merged; this module has the keys that depend on others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from envbuild.declaration.driver import Driver, merge_requires
from envbuild.declaration.toml.command import early_variables, note_early, starts_own_command
from envbuild.declaration.toml.keys import (
    ACCELERATOR,
    BINARY,
    COMMAND,
    COMMANDS,
    DRIVER_TABLE,
    ENV,
    LIBRARY_PATH,
    MODULE,
    VERSION_OF,
    replace_by_name,
    replace_inherited,
)
from envbuild.declaration.toml.source import SOURCES, check_sources, merge_sources
from envbuild.declaration.toml.variant import merge_variants
from envbuild.nearest_name import near_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.driver import DeclaredRequirement
    from envbuild.declaration.source import PackageSource
    from envbuild.declaration.toml.keys import DriverKey
    from envbuild.declaration.toml.requirement_set import Sets
    from envbuild.declaration.toml.table import Key, Place, Table

T = TypeVar("T")

_OF_ENVIRONMENT = re.compile(r"python[0-9]*|(de)?activate|pydoc")
"""Names that files in every environment's `bin/` have."""


def merge_driver(
    *,
    name: str,
    extends: str | None,
    table: Table,
    own: tuple[DeclaredRequirement, ...],
    parent: Driver | None,
    defaults: Table,
    sets: Sets,
) -> Driver:
    """A driver; `own` are its own requirements, with sets expanded."""
    requires = merge_requires(parent.requires if parent is not None else (), own)
    command = _command(name, table, parent)
    inherited = parent.binary if parent and not parent.command else name
    binary = name if command else _given(table, BINARY, inherited)
    commands = _given(table, COMMANDS, _inherited_commands(parent, own_command=bool(command)))
    independent: dict[str, Any] = {
        row.field: _merge(row, table, parent, defaults)
        for row in DRIVER_TABLE
        if row.merge is not None
    }
    made = Driver(
        name=name,
        line=table.place.line,
        requires=requires,
        binary=binary,
        commands=commands if binary in commands else (binary, *commands),
        version_of=_version_of(table, requires, parent),
        variants=merge_variants(
            parent.variants if parent is not None else (),
            table,
            sets,
            independent[ACCELERATOR.name],
        ),
        sources=merge_sources(_sources_above(parent, defaults), table),
        extends=extends,
        default_binaries=() if command else _default_binaries(name, table, parent),
        command=command,
        origins=tuple(sorted(_origins(table, defaults, parent).items())),
        **independent,
    )
    _check_early(made, table, defaults)
    check_sources(table.get(SOURCES) or (), table.place.at(SOURCES.name), (made,))
    return made


def _sources_above(parent: Driver | None, defaults: Table) -> tuple[PackageSource, ...]:
    """The parent's sources, which have those of `[sources]` merged in; without a parent, those."""
    if parent is not None:
        return parent.sources
    return tuple(source for _, sources in defaults.get(SOURCES) or () for source in sources)


def _check_early(made: Driver, table: Table, defaults: Table) -> None:
    """Note variables that must be set before the interpreter starts, if a package's own command is started."""
    if not made.enabled or starts_own_command(made):
        return
    for name in early_variables(made.env):
        places = (one.place.at(ENV.name, name) for one in (table, defaults) if _sets(one, name))
        note_early(next(places, table.place), name, made.name)
    if made.library_path:
        place = table.place.at(LIBRARY_PATH.name) if table.has(LIBRARY_PATH) else table.place
        note_early(place, LIBRARY_PATH.name, made.name)


def _sets(table: Table, name: str) -> bool:
    return name in dict(table.get(ENV) or ())


def _merge(row: DriverKey, table: Table, parent: Driver | None, defaults: Table) -> object:
    """The value of a key; the parent has the defaults merged in already."""
    assert row.merge is not None
    inherited: object = None
    if parent is not None:
        inherited = getattr(parent, row.field) if row.inherited else None
    elif row.in_defaults:
        inherited = defaults.get(row.key)
    own = table.get(row.key)
    inherited = row.default if inherited is None else inherited
    if own is None:
        own = inherited if row.merge is replace_inherited else row.default
    return row.merge(inherited, own)


def _command(name: str, table: Table, parent: Driver | None) -> tuple[str, ...]:
    """The command that the driver's generated command starts; empty if `binary` is a package's own."""
    given = [key for key in (COMMAND, MODULE, BINARY) if table.has(key)]
    for key in given[1:]:
        table.place.at(key.name).wrong(
            f"a driver has one of `command`, `module` and `binary`, and `{given[0].name}` is already given",
            hint="`binary` names a package's command; the others define the driver's own command",
        )
    if BINARY in given:
        return ()
    inherited = parent.command if parent is not None else ()
    words = table.get(COMMAND) or table.get(MODULE) or inherited
    place = table.place.at(given[0].name) if given else table.place
    if words[:1] == (name,):
        hint = "give the driver another name; or run a module, `python -m`, which has no such name"
        place.wrong(
            f"the driver {name} would start itself: its own command has this name", hint=hint
        )
    if words and _OF_ENVIRONMENT.fullmatch(name):
        place.wrong(
            f"a command called {name} is the environment's own", hint="give the driver another name"
        )
    return words


def _inherited_commands(parent: Driver | None, *, own_command: bool) -> tuple[str, ...]:
    """The parent's exposed commands; its generated command has another name here."""
    if parent is None or (own_command and COMMANDS.name not in dict(parent.origins)):
        return ()
    return tuple(name for name in parent.commands if not parent.command or name != parent.name)


def _default_binaries(name: str, table: Table, parent: Driver | None) -> tuple[str, ...]:
    """The possible names of `binary`; none if it is declared, here or in the parent."""
    declared = table.has(BINARY) or name in (table.get(COMMANDS) or ())
    if declared or (parent is not None and not parent.default_binaries):
        return ()
    inherited = parent.default_binaries if parent is not None else ()
    return (name, *inherited)


def _given(table: Table, key: Key[T], otherwise: T) -> T:
    value = table.get(key)
    return otherwise if value is None else value


def _version_of(
    table: Table, requires: tuple[DeclaredRequirement, ...], parent: Driver | None
) -> str:
    package = table.get(VERSION_OF)
    names = [requirement.name for requirement in requires]
    if package is None:
        return parent.version_of if parent is not None else names[0]
    if package in names:
        return package
    table.place.at(VERSION_OF.name).wrong(
        f"the driver does not require '{package}'",
        hint=near_hint(package, names, "name one of the packages in `requires`"),
    )
    return package


def _origins(table: Table, defaults: Table, parent: Driver | None) -> dict[str, int]:
    """The line of each effective key and element; later lines override earlier ones."""
    found = dict(parent.origins) if parent is not None else dict(_lines(defaults))
    for row in DRIVER_TABLE:
        if not row.inherited:
            found.pop(row.name, None)
    if table.has(MODULE):
        found[COMMAND.name] = table.place.at(MODULE.name).line
    return found | dict(_lines(table))


def _lines(table: Table) -> Iterator[tuple[str, int]]:
    """Every key and element of a table with its line; requirements have their own lines."""
    for row in DRIVER_TABLE[1:]:
        if row.by_element:
            yield from _element_lines(row, table)
        elif row.name in table.present:
            yield row.name, table.place.at(row.name).line


def _element_lines(row: DriverKey, table: Table) -> Iterator[tuple[str, int]]:
    elements: Any = table.get(row.key) or ()
    place = table.place.at(row.name)
    if row.merge is replace_by_name:
        for name, _ in elements:
            yield f"{row.name}.{name}", _name_line(place, name)
    else:
        for index, text in enumerate(elements):
            yield f"{row.name}.{text}", place.at(index).line


def _name_line(place: Place, name: str) -> int:
    """The line of a name; the file may spell a package's name in another way."""
    lines = (place.at(spelled).line for spelled in (name, name.replace("-", "_")))
    return next((line for line in lines if line != place.line), place.line)
