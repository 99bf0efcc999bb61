"""`[drivers.NAME]` → Driver, with sets, `extends` and the defaults merged in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.resolvers import find_resolver, refused_keys
from envbuild.declaration.toml.inherit import check_inherit
from envbuild.declaration.toml.keys import DRIVER_FORM, DRIVER_KEYS, EXTENDS, REQUIRES, RESOLVER
from envbuild.declaration.toml.merging import merge_driver
from envbuild.declaration.toml.table import Place, Table, TextError, kind, read_table
from envbuild.nearest_name import no_driver
from envbuild.target.target import MOST_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.driver import Driver
    from envbuild.declaration.toml.requirement_set import Sets

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_NAME = 40
_MOST_DRIVERS = 1000
_DEEPEST = 40
"""The most drivers in a chain of `extends`."""

_MOST_EFFECTIVE = 200_000
"""The most requirements, constraints, variables and so on of all drivers together."""

_RESERVED = "bin"
"""A generation has a folder `bin` beside the links to its environments."""


def read_drivers(value: object, place: Place, defaults: Table, sets: Sets) -> tuple[Driver, ...]:
    """Every valid driver, in the order of the file."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=f"a driver is {DRIVER_FORM}")
        return ()
    if len(value) > _MOST_DRIVERS:
        words = f"{len(value)} drivers are declared, but at most {_MOST_DRIVERS} are allowed"
        place.wrong(words, hint="split the file into several")
        return ()
    _check_names(value, place)
    tables = {
        name: read_table(inner, place.at(name), DRIVER_KEYS, hint=f"a driver is {DRIVER_FORM}")
        for name, inner in value.items()
    }
    drivers = (_Drivers(tables, defaults, sets)).all()
    return tuple(driver for driver in drivers if driver is not None)


class _Drivers:
    """Makes drivers from their tables, parents first."""

    def __init__(self, tables: Mapping[str, Table | None], defaults: Table, sets: Sets) -> None:
        self._tables = tables
        self._defaults = defaults
        self._sets = sets
        self._made: dict[str, Driver | None] = {}
        self._effective = 0

    def all(self) -> Iterable[Driver | None]:
        """Every driver, in the file's order; None for one that cannot be made."""
        return [self._make(name, ()) for name in self._tables]

    def _make(self, name: str, below: tuple[str, ...]) -> Driver | None:
        if name not in self._made:
            table = self._tables[name]
            self._made[name] = None if table is None else self._merge(name, table, below)
        return self._made[name]

    def _merge(self, name: str, table: Table, below: tuple[str, ...]) -> Driver | None:
        if self._effective > _MOST_EFFECTIVE:
            return None
        extends = table.get(EXTENDS)
        parent = None
        if table.has(EXTENDS):
            parent = self._parent(table, (*below, name))
            if parent is None:
                return None
        elif not table.has(REQUIRES):
            table.place.wrong("the driver has no `requires`", hint='add requires = ["PACKAGE"]')
        required = table.get(REQUIRES)
        if required is None and (parent is None or table.has(REQUIRES)):
            return None
        own = self._sets.expand(required or ())
        if not own and parent is None:
            return None
        made = merge_driver(
            name=name,
            extends=extends.value if extends is not None else None,
            table=table,
            own=own,
            parent=parent,
            defaults=self._defaults,
            sets=self._sets,
        )
        _check_resolver(made, table)
        check_inherit(made, table)
        return made if self._is_bearable(made, table) else None

    def _is_bearable(self, made: Driver, table: Table) -> bool:
        """Whether the inherited values of all drivers are within their limit."""
        before = self._effective
        lists = (made.requires, made.constraints, made.overrides, made.env, made.origins)
        self._effective += sum(map(len, (*lists, made.commands, made.probe, made.imports)))
        if before <= _MOST_EFFECTIVE < self._effective:
            words = f"all drivers together have more than {_MOST_EFFECTIVE} values"
            table.place.wrong(words, hint="split the file into several")
        self._effective += sum(len(one.requires) + len(one.indexes) for one in made.variants)
        if len(made.pythons) * len(made.platforms) * max(1, len(made.variants)) > MOST_TARGETS:
            words = (
                f"the driver has more than {MOST_TARGETS} targets (Pythons × platforms × variants)"
            )
            table.place.wrong(words, hint="remove Pythons, platforms or variants that no host has")
            return False
        return self._effective <= _MOST_EFFECTIVE

    def _parent(self, table: Table, chain: tuple[str, ...]) -> Driver | None:
        """The parent driver; None if there is none, with the problem noted."""
        extends = table.get(EXTENDS)
        if extends is None:
            return None
        if len(chain) > _DEEPEST:
            words = f"drivers extend one another more than {_DEEPEST} deep"
            extends.place.wrong(words, hint="extend the first of them")
            return None
        if extends.value in chain:
            circle = " → ".join((*chain[chain.index(extends.value) :], extends.value))
            extends.place.wrong(f"the driver extends itself: {circle}", hint="break the circle")
            return None
        if extends.value not in self._tables:
            message, hint = no_driver(extends.value, self._tables)
            extends.place.wrong(f"{message} to extend", hint=hint)
            return None
        return self._make(extends.value, chain)


def _check_resolver(driver: Driver, table: Table) -> None:
    """Report keys that the driver's resolver does not support."""
    for key in refused_keys(find_resolver(driver.resolver), driver):
        table.place.at(*key.split(".")).wrong(
            f"the resolver '{driver.resolver}' does not support `{key}`",
            hint=f"remove the key, or use another `{RESOLVER.name}` for this driver",
        )


def _check_names(names: Iterable[str], place: Place) -> None:
    first: dict[str, str] = {}
    for name in names:
        same = first.setdefault(_normal(name), name)
        problem = _problem_with(name)
        if same != name:
            line = place.at(same).line
            problem = TextError(
                f"the driver {name!r} has the name of the driver {same!r} on line {line}",
                hint="capitals, underscores and repeated hyphens do not make names different; rename one",
            )
        if problem is not None:
            place.at(name).wrong(str(problem), hint=problem.hint)


def _problem_with(name: str) -> TextError | None:
    if len(name) > _LONGEST_NAME:
        return TextError(
            f"a driver's name has at most {_LONGEST_NAME} characters, not {len(name)}",
            hint="shorten it",
        )
    if name == _RESERVED:
        return TextError(
            "a driver cannot be called 'bin'", hint="a generation has its own folder `bin`"
        )
    if _NAME.fullmatch(name):
        return None
    better = _normal(name)
    return TextError(
        f"{name!r} is not a driver's name",
        hint=f"call it '{better}'"
        if _NAME.fullmatch(better)
        else "lower-case letters, digits, and hyphens between them",
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_. ]+", "-", name).strip("-").lower()
