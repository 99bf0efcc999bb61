"""`[build.NAME]` → BuildOptions: how one package is built from source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.declaration import BuildOptions
from envbuild.declaration.toml.command import VARIABLE, read_seconds
from envbuild.declaration.toml.requirement import parse_package, parse_requirement
from envbuild.declaration.toml.table import (
    Key,
    Place,
    Table,
    TextError,
    boolean,
    kind,
    list_of,
    read_table,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.toml.table import Reader

BUILD_FORM = """write [build.NAME] with keys such as requires = ["torch"]"""

_SETTING = re.compile(r"[A-Za-z0-9_.-]+")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,5}) ?(?P<unit>[MGT]i?B)")
_UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _plain(written: str) -> str:
    if "\0" in written:
        raise TextError("a text of a build cannot hold a NUL character")
    return written


def _requirement(written: str) -> str:
    return str(parse_requirement(written))


def _user(written: str) -> str:
    if not _USER.fullmatch(written):
        hint = "the name as `id` prints it, such as 'builder'"
        raise TextError(f"{written!r} is not the name of a user", hint=hint)
    return written


def _bytes(written: str) -> int:
    match = _SIZE.fullmatch(written)
    if match is None:
        raise TextError(f"{written!r} is not a size", hint="write it like '8 GiB' or '500 MiB'")
    return int(match["number"]) * _UNITS[match["unit"][0]]


def _read_env(value: object, place: Place) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, dict):
        hint = 'write it like env = { NAME = "value" }'
        place.wrong(f"must be a table, not {kind(value)}", hint=hint)
        return None
    found = []
    for name, inner in value.items():
        if not VARIABLE.fullmatch(name):
            message = f"{name!r} is not the name of an environment variable"
            place.at(name).wrong(message, hint="letters, digits and underscores, no digit first")
            continue
        content = text(_plain)(inner, place.at(name))
        if content is not None:
            found.append((name, content))
    return tuple(sorted(found))


_read_text: Reader[str | tuple[str, ...]] = text(_plain)
_read_texts: Reader[str | tuple[str, ...]] = list_of(text(_plain), filled=True)


def _read_settings(
    value: object, place: Place
) -> tuple[tuple[str, str | tuple[str, ...]], ...] | None:
    if not isinstance(value, dict):
        hint = 'write it like config-settings = { "cmake.define.GGML_CUDA" = "on" }'
        place.wrong(f"must be a table, not {kind(value)}", hint=hint)
        return None
    found: list[tuple[str, str | tuple[str, ...]]] = []
    for name, inner in value.items():
        if not _SETTING.fullmatch(name):
            hint = "letters, digits and `._-`; write a name with dots in quotes"
            place.at(name).wrong(f"{name!r} is not the name of a setting", hint=hint)
            continue
        read = _read_texts if isinstance(inner, list) else _read_text
        setting = read(inner, place.at(name))
        if setting is not None:
            found.append((name, setting))
    return tuple(sorted(found))


ENV = Key("env", _read_env)
CONFIG_SETTINGS = Key("config-settings", _read_settings)
MEMORY = Key("memory", text(_bytes))
DISK = Key("disk", text(_bytes))

BUILD_KEYS: tuple[Key[object], ...] = (
    Key("requires", list_of(text(_requirement), unique=True)),
    ENV,
    CONFIG_SETTINGS,
    Key("isolation", boolean),
    Key("network", boolean),
    Key("build-user", text(_user)),
    Key("timeout", read_seconds),
    MEMORY,
    DISK,
)
"""The keys of `[build.NAME]`, each with the name of its field of `BuildOptions`."""


def read_builds(value: object, place: Place) -> tuple[BuildOptions, ...]:
    """Every package's options that can be read, in the order of the file."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=BUILD_FORM)
        return ()
    return tuple(_read_all(value, place))


def _read_all(value: dict[str, object], place: Place) -> Iterator[BuildOptions]:
    seen: dict[str, str] = {}
    for written, inner in value.items():
        package = text(parse_package)(written, place.at(written))
        table = read_table(inner, place.at(written), BUILD_KEYS, hint=BUILD_FORM)
        if package is None or table is None:
            continue
        if package in seen:
            message = f"{package} is declared twice, as {seen[package]!r} too"
            place.at(written).wrong(message, hint="keep one of them")
            continue
        seen[package] = written
        yield _options(table, package)


def _options(table: Table, package: str) -> BuildOptions:
    return BuildOptions(
        package=package,
        file=table.place.source.file,
        line=table.place.line,
        **table.given(BUILD_KEYS),
    )
