"""What is effective for a driver: its own keys, then those of the driver it extends, then the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from envbuild.declaration.declaration import (
    DEFAULT_PLATFORMS,
    DEFAULT_PROBE_TIMEOUT,
    DEFAULT_PYTHON,
    Driver,
)
from envbuild.declaration.toml.driver_keys import (
    ACCELERATOR,
    ALLOW_SDIST,
    BINARY,
    COMMANDS,
    DRIVER_KEYS,
    ENABLED,
    ENV,
    OVERRIDES,
    VERSION_OF,
)
from envbuild.declaration.toml.probe import IMPORTS, PROBE, PROBE_TIMEOUT
from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.target import (
    BYTECODE,
    CONSTRAINTS,
    EXCLUDE_NEWER,
    EXCLUDE_NEWER_PACKAGES,
    OVERLAP,
    PLATFORMS,
    PYTHON,
    PYTHON_DOWNLOADS,
)
from envbuild.nearest_name import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import DeclaredRequirement
    from envbuild.declaration.toml.table import Key, Table

T = TypeVar("T")

_BY_ELEMENT = ("requires", "constraints", "env", "exclude-newer-packages", "extends")
"""Keys whose elements come from different lines."""


def merge_driver(
    *,
    name: str,
    extends: str | None,
    table: Table,
    own: tuple[DeclaredRequirement, ...],
    parent: Driver | None,
    defaults: Table,
) -> Driver:
    """One driver; `own` is what it requires itself, with sets in place.

    `enabled` alone is not inherited: what a driver is made from may stay unbuilt.
    """
    requires = merge_requires(parent.requires if parent is not None else (), own)
    binary = _given(table, BINARY, parent.binary if parent else name)
    commands = _given(table, COMMANDS, parent.commands if parent else ())

    def shared(key: Key[T], inherited: T | None, otherwise: T) -> T:
        if parent is not None and not table.has(key):
            return otherwise if inherited is None else inherited
        return _own(table, defaults, key, otherwise)

    return Driver(
        name=name,
        line=table.place.line,
        requires=requires,
        binary=binary,
        commands=commands if binary in commands else (binary, *commands),
        version_of=_version_of(table, requires, parent),
        python=shared(PYTHON, parent.python if parent else None, DEFAULT_PYTHON),
        overlap=shared(OVERLAP, parent.overlap if parent else None, "warn"),
        python_downloads=shared(
            PYTHON_DOWNLOADS, parent.python_downloads if parent else None, True
        ),
        platforms=shared(PLATFORMS, parent.platforms if parent else None, DEFAULT_PLATFORMS),
        constraints=_constraints(table, defaults, parent),
        overrides=_overrides(table, parent),
        exclude_newer=shared(EXCLUDE_NEWER, parent.exclude_newer if parent else None, None),
        exclude_newer_packages=_exclude_newer_packages(table, defaults, parent),
        env=_env(table, parent),
        accelerator=_given(table, ACCELERATOR, parent.accelerator if parent else None),
        allow_sdist=_given(table, ALLOW_SDIST, parent.allow_sdist if parent else ()),
        enabled=table.get(ENABLED) is not False,
        probe=_given(table, PROBE, parent.probe if parent else ()),
        imports=_given(table, IMPORTS, parent.imports if parent else ()),
        probe_timeout=_given(
            table, PROBE_TIMEOUT, parent.probe_timeout if parent else DEFAULT_PROBE_TIMEOUT
        ),
        bytecode=shared(BYTECODE, parent.bytecode if parent else None, True),
        extends=extends,
        default_binaries=_default_binaries(name, table, parent),
        origins=tuple(sorted(_origins(table, defaults, parent).items())),
    )


def _default_binaries(name: str, table: Table, parent: Driver | None) -> tuple[str, ...]:
    """The names that `binary` may be; none where it is declared, here or by the parent."""
    declared = table.has(BINARY) or name in (table.get(COMMANDS) or ())
    if declared or (parent is not None and not parent.default_binaries):
        return ()
    inherited = parent.default_binaries if parent is not None else ()
    return (name, *inherited)


def merge_requires(
    inherited: tuple[DeclaredRequirement, ...], own: tuple[DeclaredRequirement, ...]
) -> tuple[DeclaredRequirement, ...]:
    """The inherited requirements, those on a package that is required anew in its place."""
    anew: dict[str, list[DeclaredRequirement]] = {}
    for item in own:
        anew.setdefault(item.name, []).append(item)
    merged: list[DeclaredRequirement] = []
    placed: set[str] = set()
    for requirement in inherited:
        if requirement.name not in anew:
            merged.append(requirement)
        elif requirement.name not in placed:
            placed.add(requirement.name)
            merged += anew[requirement.name]
    return (*merged, *(item for item in own if item.name not in placed))


def _given(table: Table, key: Key[T], otherwise: T) -> T:
    value = table.get(key)
    return otherwise if value is None else value


def _own(table: Table, defaults: Table, key: Key[T], otherwise: T) -> T:
    """What a driver says of a key, else what the defaults say, else what is built in."""
    for value in (table.get(key), defaults.get(key)):
        if value is not None:
            return value
    return otherwise


def _constraints(table: Table, defaults: Table, parent: Driver | None) -> tuple[str, ...]:
    """The defaults' or the parent's constraints and the driver's own: all of them hold."""
    inherited = parent.constraints if parent is not None else defaults.get(CONSTRAINTS) or ()
    return tuple(dict.fromkeys((*inherited, *(table.get(CONSTRAINTS) or ()))))


def _exclude_newer_packages(
    table: Table, defaults: Table, parent: Driver | None
) -> tuple[tuple[str, str | None], ...]:
    """The defaults' or the parent's limits, but for packages that the driver has its own for."""
    inherited = parent.exclude_newer_packages if parent is not None else None
    if inherited is None:
        inherited = defaults.get(EXCLUDE_NEWER_PACKAGES) or ()
    return tuple(sorted((dict(inherited) | dict(table.get(EXCLUDE_NEWER_PACKAGES) or ())).items()))


def _overrides(table: Table, parent: Driver | None) -> tuple[str, ...]:
    """The parent's overrides, but for packages that are overridden anew, and the driver's own."""
    own = table.get(OVERRIDES) or ()
    anew = {parse_requirement(text).name for text in own}
    inherited = parent.overrides if parent is not None else ()
    kept = (text for text in inherited if parse_requirement(text).name not in anew)
    return (*kept, *own)


def _env(table: Table, parent: Driver | None) -> tuple[tuple[str, str], ...]:
    inherited = dict(parent.env) if parent is not None else {}
    return tuple(sorted((inherited | dict(table.get(ENV) or ())).items()))


def _version_of(
    table: Table, requires: tuple[DeclaredRequirement, ...], parent: Driver | None
) -> str:
    package = table.get(VERSION_OF)
    names = [requirement.name for requirement in requires]
    if package is None:
        return parent.version_of if parent is not None else names[0]
    if package in names:
        return package
    near = nearest(package, names)
    table.place.at(VERSION_OF.name).wrong(
        f"the driver does not require '{package}'",
        hint=f"did you mean '{near}'?" if near else "name one of the packages in `requires`",
    )
    return package


def _origins(table: Table, defaults: Table, parent: Driver | None) -> dict[str, int]:
    """Where each effective key and element stands; later ones stand for earlier ones."""
    found = dict(parent.origins) if parent is not None else dict(_lines(defaults))
    found.pop(ENABLED.name, None)
    return found | dict(_lines(table))


def _lines(table: Table) -> Iterator[tuple[str, int]]:
    for key in DRIVER_KEYS:
        if key.name in table.present and key.name not in _BY_ELEMENT:
            yield key.name, table.place.at(key.name).line
    for index, text in enumerate(table.get(CONSTRAINTS) or ()):
        yield f"constraints.{text}", table.place.at(CONSTRAINTS.name, index).line
    for package, _ in table.get(EXCLUDE_NEWER_PACKAGES) or ():
        yield f"exclude-newer-packages.{package}", _limit_line(table, package)
    for variable, _ in table.get(ENV) or ():
        yield f"env.{variable}", table.place.at(ENV.name, variable).line


def _limit_line(table: Table, package: str) -> int:
    """The line of a package's own limit, whose key may spell the name in another way."""
    place = table.place.at(EXCLUDE_NEWER_PACKAGES.name)
    lines = (place.at(name).line for name in (package, package.replace("-", "_")))
    return next((line for line in lines if line != place.line), place.line)
