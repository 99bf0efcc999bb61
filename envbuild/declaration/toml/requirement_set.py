"""`[sets.NAME]`: requirements that drivers share, included by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.driver import DeclaredRequirement
from envbuild.declaration.toml.requirement import read_requirement
from envbuild.declaration.toml.table import Key, Place, kind, list_of, read_table
from envbuild.nearest_name import near_hint
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.toml.table import Reader

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")
_DEEPEST = 40
"""The most sets in a chain of includes."""

_MOST_EXPANDED = 200_000
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


read_requires: Reader[tuple[Required, ...]] = list_of(read_required, filled=True)
"""A reader of what a driver, a variant or a set requires."""

SET_REQUIRES = Key("requires", read_requires)


def read_sets(value: object, place: Place) -> dict[str, tuple[Required, ...]] | None:
    """A reader of `[sets]`; an invalid set counts as empty."""
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
        self._expanded: dict[str, dict[str, DeclaredRequirement]] = {}
        """The result of each set, by text: many others may include it."""

        self._size = 0

    def check(self) -> None:
        """Report the problems of all sets, even if no driver includes them."""
        for name in self._sets:
            self._set(name, ())

    def expand(self, required: Iterable[Required]) -> tuple[DeclaredRequirement, ...]:
        """The requirements, with those of included sets in place; each text once."""
        return tuple(self._expand(required, ()).values())

    def _set(self, name: str, above: tuple[str, ...]) -> dict[str, DeclaredRequirement]:
        """A set's requirements, computed once; a set that includes itself is reported wherever the circle starts."""
        known = self._expanded.get(name)
        if known is None:
            known = self._expanded[name] = self._expand(self._sets[name], (*above, name))
            self._size += len(known)
        return known

    def _expand(
        self, required: Iterable[Required], above: tuple[str, ...]
    ) -> dict[str, DeclaredRequirement]:
        found: dict[str, DeclaredRequirement] = {}
        for item in required:
            if isinstance(item, DeclaredRequirement):
                found[item.text] = item
            elif self._size > _MOST_EXPANDED:
                words = f"all sets together have more than {_MOST_EXPANDED} requirements"
                self._note(_MOST_EXPANDED, item.place, words, "split the file")
            elif item.name in above:
                circle = above[above.index(item.name) :]
                words = f"the set includes itself: {' → '.join((*circle, item.name))}"
                self._note(frozenset(circle), item.place, words, "break the circle")
            elif len(above) > _DEEPEST:
                words = f"sets include one another more than {_DEEPEST} deep"
                self._note(_DEEPEST, item.place, words, "include the sets themselves")
            elif item.name in self._sets:
                found.update(self._set(item.name, above))
            else:
                hint = near_hint(item.name, self._sets, f"add [sets.{item.name}]")
                self._note(item.place.path, item.place, f"there is no set {item.name!r}", hint)
        return found

    def _note(self, what: object, place: Place, message: str, hint: str) -> None:
        """Report it once, for all drivers and all starts of a circle."""
        if what not in self._wrong:
            self._wrong.add(what)
            place.wrong(message, hint=hint)
