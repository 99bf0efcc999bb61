"""`[[coexist]]` and `[[agree]]`: rules across drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.declaration import Agree, Coexist
from envbuild.declaration.toml.requirement import parse_package
from envbuild.declaration.toml.table import Key, Place, Table, list_of, located, tables, text
from envbuild.nearest_name import no_driver

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DRIVERS = Key("drivers", list_of(located(text(str))))
PACKAGES = Key("packages", list_of(text(parse_package), filled=True, unique=True))

_MOST_PAIRS = 5000
"""The most pairs of drivers that must coexist, over all rules."""

_MOST_AGREED = 5000
"""The most packages that must agree, times their drivers, over all rules."""

COEXIST_KEYS: tuple[Key[object], ...] = (DRIVERS,)
AGREE_KEYS: tuple[Key[object], ...] = (PACKAGES, DRIVERS)


def read_coexist(
    value: object, place: Place, known: Collection[str], resolvers: Mapping[str, str]
) -> tuple[Coexist, ...]:
    """Every `[[coexist]]`; `known` are the drivers that the file declares, `resolvers` what resolves them."""
    rules = []
    for table in tables(COEXIST_KEYS)(value, place) or ():
        if not table.has(DRIVERS):
            table.place.wrong("the rule has no `drivers`", hint='add drivers = ["…", "…"]')
        drivers = _drivers(table, known)
        _check_one_resolver({name: resolvers[name] for name in drivers if name in resolvers}, table)
        rules.append(Coexist(drivers=drivers, line=table.place.line))
    pairs = sum(len(rule.drivers) * (len(rule.drivers) - 1) // 2 for rule in rules)
    if pairs > _MOST_PAIRS:
        words = f"all rules together have {pairs:,} pairs of drivers, but at most {_MOST_PAIRS:,} are allowed"
        place.wrong(words, hint="name fewer drivers")
    return tuple(rules)


def _check_one_resolver(resolvers: Mapping[str, str], table: Table) -> None:
    """Drivers that must coexist are resolved as one."""
    if len(set(resolvers.values())) > 1:
        told = ", ".join(f"{name} by {resolver}" for name, resolver in resolvers.items())
        table.place.at(DRIVERS.name).wrong(
            f"drivers that must coexist need one resolver, but these have several: {told}",
            hint="give them one `resolver`",
        )


def read_agree(
    value: object, place: Place, known: Collection[str], enabled: tuple[str, ...]
) -> tuple[Agree, ...]:
    """Every `[[agree]]`; without drivers it is for all enabled ones."""
    rules = []
    for table in tables(AGREE_KEYS)(value, place) or ():
        if not table.has(PACKAGES):
            table.place.wrong("the rule has no `packages`", hint='add packages = ["…"]')
        drivers = _drivers(table, known) if table.has(DRIVERS) else enabled
        packages = table.get(PACKAGES) or ()
        rules.append(Agree(packages=packages, drivers=drivers, line=table.place.line))
    agreed = sum(len(rule.packages) * len(rule.drivers) for rule in rules)
    if agreed > _MOST_AGREED:
        words = f"all rules together have {agreed:,} packages times drivers, but at most {_MOST_AGREED:,} are allowed"
        place.wrong(words, hint="name fewer packages, or fewer drivers")
    return tuple(rules)


def _drivers(table: Table, known: Collection[str]) -> tuple[str, ...]:
    """The drivers of a rule: at least two, each declared."""
    named = table.get(DRIVERS)
    if named is None:
        return ()
    for driver in named:
        if driver.value not in known:
            message, hint = no_driver(driver.value, known)
            driver.place.wrong(message, hint=hint)
    different = tuple(dict.fromkeys(driver.value for driver in named))
    if len(different) < 2:
        table.place.at(DRIVERS.name).wrong(
            f"a rule needs two drivers or more, but this one names {len(different)}"
        )
    return different
