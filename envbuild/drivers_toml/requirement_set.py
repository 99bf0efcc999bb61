"""`[sets.NAME]`: requirements that drivers share, included by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration import DeclaredRequirement
from envbuild.drivers_toml.requirement import read_requirement
from envbuild.drivers_toml.table import Key, Place, kind, list_of, read_table
from envbuild.nearest_name import nearest
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")
_INCLUDE_FORM = 'write it like { include = "NAME" }'


@value
class Include:
    """`{ include = "NAME" }` among requirements."""

    name: str
    place: Place


Required = DeclaredRequirement | Include


def _read_name(value: object, place: Place) -> Include | None:
    if isinstance(value, str):
        return Include(name=value, place=place)
    place.wrong(f"must be the name of a set, not {kind(value)}", hint=_INCLUDE_FORM)
    return None


INCLUDE = Key("include", _read_name)


def read_required(value: object, place: Place) -> Required | None:
    """A reader of one element of `requires`: a requirement, or a set that is included."""
    if not isinstance(value, dict):
        return read_requirement(value, place)
    table = read_table(value, place, (INCLUDE,))
    if table is not None and not table.has(INCLUDE):
        place.wrong("the table includes no set", hint=_INCLUDE_FORM)
    return table.get(INCLUDE) if table is not None else None


SET_REQUIRES: Key[tuple[Required, ...]] = Key("requires", list_of(read_required, filled=True))


def read_sets(value: object, place: Place) -> dict[str, tuple[Required, ...]] | None:
    """A reader of `[sets]`; a set that cannot be read is there, and empty."""
    hint = '[sets.NAME] with requires = ["…"]'
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=f"a set is {hint}")
        return None
    found: dict[str, tuple[Required, ...]] = {}
    for name, inner in value.items():
        at = place.at(name)
        if not _NAME.fullmatch(name):
            at.wrong(
                f"{name!r} is not a set's name", hint="letters, digits, and hyphens between them"
            )
        table = read_table(inner, at, (SET_REQUIRES,), hint=f"a set is {hint}")
        if table is not None and not table.has(SET_REQUIRES):
            at.wrong("the set has no `requires`", hint='add requires = ["PACKAGE"]')
        found[name] = (table.get(SET_REQUIRES) if table is not None else None) or ()
    return found


class Sets:
    """The sets of a file, by name."""

    def __init__(self, sets: Mapping[str, tuple[Required, ...]]) -> None:
        self._sets = sets
        self._wrong: set[object] = set()

    def check(self) -> None:
        """Note what is wrong with sets, whether or not a driver includes them."""
        for name, required in self._sets.items():
            self._expand(required, (name,))

    def expand(self, required: Iterable[Required]) -> tuple[DeclaredRequirement, ...]:
        """The requirements, with those of included sets in their places; each text once."""
        found = {requirement.text: requirement for requirement in self._expand(required, ())}
        return tuple(found.values())

    def _expand(
        self, required: Iterable[Required], above: tuple[str, ...]
    ) -> list[DeclaredRequirement]:
        found: list[DeclaredRequirement] = []
        for item in required:
            if isinstance(item, DeclaredRequirement):
                found.append(item)
            elif item.name in above:
                circle = above[above.index(item.name) :]
                words = f"the set includes itself: {' → '.join((*circle, item.name))}"
                self._note(frozenset(circle), item.place, words, "break the circle")
            elif item.name in self._sets:
                found += self._expand(self._sets[item.name], (*above, item.name))
            else:
                near = nearest(item.name, self._sets)
                hint = f"did you mean '{near}'?" if near else f"add [sets.{item.name}]"
                self._note(item.place.path, item.place, f"there is no set {item.name!r}", hint)
        return found

    def _note(self, what: object, place: Place, message: str, hint: str) -> None:
        """Say it once, however many drivers come by, and wherever a circle is entered."""
        if what not in self._wrong:
            self._wrong.add(what)
            place.wrong(message, hint=hint)
