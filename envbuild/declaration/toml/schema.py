"""The JSON Schema of `drivers.toml`, from the tables of keys: what an editor can check without envbuild.

It is never stricter than the parser, and says less: names that must be declared elsewhere, ranges that
contradict each other and so on are the parser's alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.declaration.index import INDEX_FORMATS
from envbuild.declaration.resolvers import all_resolvers
from envbuild.declaration.toml import (
    audit,
    build,
    command,
    host_table,
    index,
    inherit,
    launch,
    requirement_set,
    rule,
    source,
    target,
    variant,
)
from envbuild.declaration.toml.document import FORMAT, TOP_KEYS
from envbuild.declaration.toml.keys import DEFAULTS_KEYS, DRIVER_KEYS, DRIVER_TABLE
from envbuild.declaration.toml.table import (
    EitherWord,
    ListReader,
    LocatedReader,
    NumberReader,
    OneOrMoreReader,
    TextReader,
    boolean,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable

    from envbuild.declaration.toml.table import Key

    Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_SIZE = r"^[1-9][0-9]{0,5} ?[MGT]i?B$"
_ABOUT = {
    "version": "the format of this file",
    "defaults": "keys that each driver can set again",
    "index": "where packages come from, and which packages are bound to it",
    "sources": "packages that come from no index",
    "sets": "requirements that drivers share",
    "build": "how one package is built from source",
    "audit": "settings for known vulnerabilities",
    "ignore": "advisories that `envbuild audit` ignores until a date",
    "drivers": "what the services need, one driver each",
    "hosts": "what is different on some hosts",
    "coexist": "drivers that must be able to share one interpreter",
    "agree": "packages that have the same version in every lockfile",
    "extends": "the driver that this one is made from",
    "module": 'the module that the driver runs, short for command = ["python", "-m", "MODULE"]',
}
"""What each key is for that has no row in the table of a driver's keys."""


def _whole(pattern: re.Pattern[str]) -> str:
    """A pattern that a whole text must match, as JSON Schema has it."""
    return f"^{pattern.pattern}$"


_TEXTS: dict[Callable[[str], object], Schema] = {
    target.python: {"pattern": r"^3\.[0-9]+(\.[0-9]+)?$"},
    target.resolver: {"enum": [kind.name for kind in all_resolvers()]},
    audit.day: {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    command.command_name: {"pattern": _whole(command.COMMAND_NAME)},
    command.module_name: {"pattern": _whole(command.MODULE_NAME)},
    index.index_name: {"pattern": _whole(index.INDEX_NAME)},
}
"""What texts must look like, for those that a pattern can tell."""

_KEYS: dict[Key[object], Schema] = {
    index.FORMAT: {"enum": list(INDEX_FORMATS)},
    index.URL: {"pattern": r"^(https?|file)://"},
    source.URL: {"pattern": r"^https?://"},
    source.GIT: {"pattern": r"^((https|ssh|file)://|[^/:@\s]+@[^/\s]+:)"},
    build.MEMORY: {"pattern": _SIZE},
    build.DISK: {"pattern": _SIZE},
}
"""The same of the texts of single keys."""


def declaration_schema() -> Schema:
    """The schema (draft 7) of a whole file."""
    table = _table((), required=("version", "drivers"))
    for key in TOP_KEYS:
        shape = _TOP[key.name]() if key.name in _TOP else _shape(key)
        table["properties"][key.name] = {"description": _ABOUT[key.name], **shape}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "drivers.toml of envbuild",
        **table,
    }


def _table(keys: Iterable[Key[object]], *, required: Iterable[str] = (), **more: Any) -> Schema:
    """A table with these keys and no others."""
    return {
        "type": "object",
        "properties": {key.name: _described(key) for key in keys},
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
        **more,
    }


def _described(key: Key[object]) -> Schema:
    about = _ABOUT.get(key.name)
    for row in DRIVER_TABLE:
        if row.key is key:
            about = row.about
    return {**({"description": about} if about else {}), **_shape(key)}


def _shape(key: Key[object]) -> Schema:
    """The shape of a key's value, by its reader."""
    return {**_of(key.read), **_KEYS.get(key, {})}


def _of(reader: Any) -> Schema:
    """The shape of what a reader takes; AssertionError for a reader of an unknown shape."""
    if isinstance(reader, LocatedReader):
        return _of(reader.inner)
    if isinstance(reader, OneOrMoreReader):
        element = _of(reader.element)
        return {"anyOf": [element, _list(element, filled=True, unique=True)]}
    if isinstance(reader, ListReader):
        return _list(_of(reader.element), filled=reader.filled, unique=reader.unique)
    if isinstance(reader, NumberReader):
        return {"type": "integer", "minimum": 1, "maximum": reader.most}
    if isinstance(reader, TextReader) and isinstance(reader.parse, EitherWord):
        return {**_TEXT, "enum": [reader.parse.one, reader.parse.other]}
    if isinstance(reader, TextReader):
        return {**_TEXT, **_TEXTS.get(reader.parse, {})}
    shape = _SHAPES.get(reader)
    assert shape is not None, f"declaration/toml/schema.py does not know the shape of {reader}"
    return shape()


def _list(element: Schema, *, filled: bool = False, unique: bool = False) -> Schema:
    return {
        "type": "array",
        "items": element,
        **({"minItems": 1} if filled else {}),
        **({"uniqueItems": True} if unique else {}),
    }


def _map(value: Schema, *, names: str = ".", filled: bool = False) -> Schema:
    """A table whose keys are names."""
    return {
        "type": "object",
        "patternProperties": {names: value},
        "additionalProperties": False,
        **({"minProperties": 1} if filled else {}),
    }


def _argv() -> Schema:
    return _list({"type": "string"}, filled=True)


def _accelerator() -> Schema:
    kinds = [key.name for key in target.ACCELERATOR_KEYS if key.name != "compute"]
    one = [{"required": [name]} for name in kinds]
    return _table(target.ACCELERATOR_KEYS, oneOf=one)


def _sources() -> Schema:
    kinds = [{"required": [key.name]} for key in source.KINDS]
    one = _table(source.SOURCE_KEYS, oneOf=kinds)
    return _map({"anyOf": [one, _list(one, filled=True)]})


def _driver() -> Schema:
    own = [{"required": ["requires"]}, {"required": ["extends"]}]
    return _table(DRIVER_KEYS, anyOf=own)


def _host() -> Schema:
    changes = _map(_table(host_table.CHANGE_KEYS), filled=True)
    table = _table(host_table.HOST_KEYS[:2], required=("drivers",))
    table["properties"]["drivers"] = changes
    return {**table, "anyOf": [{"required": ["hostname"]}, {"required": ["accelerator"]}]}


def _rule(keys: Iterable[Key[object]], required: str) -> Schema:
    table = _table(keys, required=(required,))
    table["properties"]["drivers"] = _list(_TEXT) | {"minItems": 2}
    return _list(table)


def _index() -> Schema:
    places = [{"required": ["url"]}, {"required": ["path"]}]
    return _list(_table(index.INDEX_KEYS, required=("name",), oneOf=places))


_TOP: dict[str, Callable[[], Schema]] = {
    "version": lambda: {"const": FORMAT},
    "defaults": lambda: _table(DEFAULTS_KEYS),
    "index": _index,
    "drivers": lambda: _map(_driver(), filled=True),
    "hosts": lambda: _map(_host()),
    "coexist": lambda: _rule(rule.COEXIST_KEYS, "drivers"),
    "agree": lambda: _rule(rule.AGREE_KEYS, "packages"),
}

_SHAPES: dict[object, Callable[[], Schema]] = {
    audit.read_audit: lambda: _table(audit.AUDIT_KEYS),
    audit.read_ignored: lambda: _list(
        _table(audit.IGNORE_KEYS, required=[key.name for key in audit.IGNORE_KEYS])
    ),
    boolean: lambda: {"type": "boolean"},
    target.read_exclude_newer: lambda: _TEXT,
    target.read_exclude_newer_packages: lambda: _map({"anyOf": [{"const": False}, _TEXT]}),
    target.read_accelerator: _accelerator,
    target.CPU.read: lambda: _table((target.FEATURES,), required=("features",)),
    command.read_argv: _argv,
    command.read_command: _argv,
    command.read_module: lambda: _of(TextReader(parse=command.module_name)),
    command.read_env: lambda: _map({"type": "string"}, names=_whole(command.VARIABLE)),
    launch.read_launch: lambda: _table(launch.LAUNCH_KEYS),
    inherit.read_inherit: lambda: _table(
        inherit.INHERIT_KEYS, required=[key.name for key in inherit.INHERIT_KEYS]
    ),
    requirement_set.read_required: lambda: {
        "anyOf": [_TEXT, _table((requirement_set.INCLUDE,), required=("include",))]
    },
    requirement_set.INCLUDE.read: lambda: _TEXT,
    requirement_set.read_sets: lambda: _map(
        _table((requirement_set.SET_REQUIRES,), required=("requires",))
    ),
    variant.read_variants: lambda: _map(_table(variant.VARIANT_KEYS), filled=True),
    source.read_sources: _sources,
    build.read_builds: lambda: _map(_table(build.BUILD_KEYS)),
    build.ENV.read: lambda: _map({"type": "string"}, names=_whole(command.VARIABLE)),
    build.CONFIG_SETTINGS.read: lambda: _map(
        {"anyOf": [{"type": "string"}, _list({"type": "string"}, filled=True)]}
    ),
}
"""The shapes of readers that are functions."""
