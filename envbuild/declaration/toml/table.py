"""Read TOML tables of known keys, and note every problem with its place.

A *reader* takes a value from `tomllib`, and its place.
It returns the parsed value, or notes a problem at the place and returns None.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from envbuild.declaration.toml.positions import Path, Positions, render_path
from envbuild.errors import Problem, shorten_problem
from envbuild.nearest_name import nearest
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


_MOST_PROBLEMS = 200


class TooManyProblemsError(Exception):
    """The text has too many problems; parsing stops."""


class TextError(ValueError):
    """A text is invalid for its key."""

    def __init__(self, message: str, *, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


@value
class TextSource:
    """A text that is being read, and its problems so far."""

    file: str
    positions: Positions
    folder: str | None = None
    """The absolute folder for relative paths; None leaves them as they are."""

    homes: Mapping[str, str] = field(default_factory=dict)
    """Known keys with their tables, for a hint about a key in the wrong table."""

    problems: list[Problem] = field(default_factory=list)


@value
class Place:
    """A value's place in a text."""

    source: TextSource
    path: Path = ()

    def at(self, *steps: str | int) -> Place:
        """The place of something inside this value."""
        return replace(self, path=(*self.path, *steps))

    @property
    def line(self) -> int:
        """The line in the file, counted from 1."""
        return self.source.positions.line(self.path)

    def wrong(self, message: str, *, hint: str | None = None, detail: str | None = None) -> None:
        """Note a problem here."""
        problem = Problem(
            message=message,
            file=self.source.file,
            line=self.line,
            key=render_path(self.path) or None,
            hint=hint,
            detail=detail,
        )
        self.source.problems.append(shorten_problem(problem))
        if len(self.source.problems) >= _MOST_PROBLEMS:
            raise TooManyProblemsError


@value
class Located(Generic[T]):
    """A value together with its place."""

    value: T
    place: Place


Reader = Callable[[object, Place], T | None]


class Key(NamedTuple, Generic[T_co]):
    """A key that a table may have."""

    name: str
    read: Callable[[object, Place], T_co | None]


@value
class Table:
    """A table whose keys have all been read."""

    place: Place
    present: frozenset[str]
    """The keys in the text, including wrong and misspelt ones."""

    values: Mapping[str, object]

    def get(self, key: Key[T]) -> T | None:
        """A key's value; None if it is missing or invalid."""
        return cast("T | None", self.values.get(key.name))

    def given(self, keys: Iterable[Key[object]]) -> dict[str, Any]:
        """The valid values of some keys, each under its name as a field is called: with `_` for `-`."""
        found = {key.name.replace("-", "_"): self.get(key) for key in keys}
        return {name: value for name, value in found.items() if value is not None}

    def has(self, key: Key[T]) -> bool:
        """Whether the text has the key, or a misspelling of it."""
        return key.name in self.present


def read_table(
    value: object, place: Place, keys: Iterable[Key[object]], *, hint: str | None = None
) -> Table | None:
    """Read a table of known keys; an unknown one is noted with the nearest known one."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=hint)
        return None
    known = {key.name: key for key in keys}
    values = {}
    present = set(value)
    for name, inner in value.items():
        if name in known:
            values[name] = known[name].read(inner, place.at(name))
        elif name in place.source.homes:
            place.at(name).wrong("unknown key", hint=f"it belongs {place.source.homes[name]}")
        else:
            near = nearest(name.lower(), known)
            hint = f"did you mean `{near}`?" if near else f"known keys: {', '.join(known)}"
            place.at(name).wrong("unknown key", hint=hint)
            present |= {near} if near else set()
    return Table(place=place, present=frozenset(present), values=values)


@value
class TextReader(Generic[T]):
    """A reader of strings; see `text`."""

    parse: Callable[[str], T]
    hint: str | None = None

    def __call__(self, value: object, place: Place) -> T | None:
        """Read a value."""
        if not isinstance(value, str):
            hint = self.hint or _in_quotes(value)
            place.wrong(f"must be a string, not {kind(value)}", hint=hint)
            return None
        try:
            return self.parse(value)
        except TextError as wrong:
            place.wrong(str(wrong), hint=wrong.hint, detail=wrong.detail)
        except ValueError as error:
            place.wrong(str(error))
        return None


@value
class EitherWord:
    """A parser, for `text`, of one of two words."""

    one: str
    other: str

    def __call__(self, written: str) -> str:
        """The word itself."""
        if written in (self.one, self.other):
            return written
        raise TextError(
            f"{written!r} is neither '{self.one}' nor '{self.other}'",
            hint=f'write "{self.one}" or "{self.other}"',
        )


def text(parse: Callable[[str], T], *, hint: str | None = None) -> Reader[T]:
    """A reader of strings; `parse` raises ValueError, or TextError, with a message for the user.

    The hint is for a value that is not a string.
    """
    return TextReader(parse=parse, hint=hint)


def _in_quotes(value: object) -> str:
    if isinstance(value, bool):
        return f'write it in quotes: "{str(value).lower()}"'
    if isinstance(value, int | float | dt.date | dt.time):
        return f'write it in quotes: "{value}"'
    return "write one text in quotes"


def unread(value: object, _: Place) -> object:
    """A reader of a value that depends on another value and is read later."""
    return value


def boolean(value: object, place: Place) -> bool | None:
    """Read `true` or `false`."""
    if isinstance(value, bool):
        return value
    hint = f"without quotes: {value}" if value in ("true", "false") else "write true or false"
    place.wrong(f"must be true or false, not {kind(value)}", hint=hint)
    return None


@value
class NumberReader:
    """A reader of whole numbers from 1 to a limit."""

    most: int
    what: str
    """What the number is, for messages: `a port`."""

    hint: str
    unit: str = ""
    """What follows the limit in messages: ` seconds`."""

    def __call__(self, value: object, place: Place) -> int | None:
        """Read a value."""
        if isinstance(value, bool) or not isinstance(value, int):
            place.wrong(f"must be {self.what}, not {kind(value)}", hint=self.hint)
            return None
        if not 1 <= value <= self.most:
            place.wrong(f"must be from 1 to {self.most}{self.unit}, not {value}")
            return None
        return value


@value
class ListReader(Generic[T]):
    """A reader of lists; see `list_of`."""

    element: Reader[T]
    filled: bool
    unique: bool

    def __call__(self, value: object, place: Place) -> tuple[T, ...] | None:
        """Read a value."""
        if not isinstance(value, list):
            example = value if isinstance(value, str) else "…"
            hint = f'write it as a list: ["{example}"]'
            place.wrong(f"must be a list, not {kind(value)}", hint=hint)
            return None
        if self.filled and not value:
            place.wrong("must not be empty", hint="name at least one")
            return None
        read_so_far = [self.element(inner, place.at(index)) for index, inner in enumerate(value)]
        elements = tuple(element for element in read_so_far if element is not None)
        repeated = self.unique and _note_repetitions(read_so_far, place)
        return elements if len(elements) == len(value) and not repeated else None


def list_of(
    read_element: Reader[T], *, filled: bool = False, unique: bool = False
) -> Reader[tuple[T, ...]]:
    """A reader of lists; None if any element is invalid.

    `filled` refuses the empty list, `unique` an element that is equal to an earlier one.
    """
    return ListReader(element=read_element, filled=filled, unique=unique)


def _note_repetitions(elements: list[T | None], place: Place) -> bool:
    seen: set[T] = set()
    repeated = False
    for index, element in enumerate(elements):
        if element is not None and element in seen:
            place.at(index).wrong(f"'{element}' is listed twice", hint="remove one of them")
            repeated = True
        elif element is not None:
            seen.add(element)
    return repeated


@value
class OneOrMoreReader(Generic[T]):
    """A reader of one value or of a list; see `one_or_more`."""

    element: Reader[T]

    def __call__(self, value: object, place: Place) -> tuple[T, ...] | None:
        """Read a value."""
        if isinstance(value, list):
            return list_of(self.element, filled=True, unique=True)(value, place)
        element = self.element(value, place)
        return None if element is None else (element,)


def one_or_more(read_element: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of one value, or of a list of them without repetitions."""
    return OneOrMoreReader(element=read_element)


def tables(keys: Iterable[Key[object]]) -> Reader[tuple[Table, ...]]:
    """A reader of an array of tables, such as `[[index]]`; the result has those that are tables."""

    def read(value: object, place: Place) -> tuple[Table, ...] | None:
        hint = f"write [[{render_path(place.path)}]], with two brackets on each side"
        if isinstance(value, list):
            read_all = (
                read_table(inner, place.at(index), keys, hint=hint)
                for index, inner in enumerate(value)
            )
            return tuple(table for table in read_all if table is not None)
        place.wrong(f"must be a list of tables, not {kind(value)}", hint=hint)
        return None

    return read


@value
class LocatedReader(Generic[T]):
    """A reader that keeps the place with the value; see `located`."""

    inner: Reader[T]

    def __call__(self, value: object, place: Place) -> Located[T] | None:
        """Read a value."""
        result = self.inner(value, place)
        return None if result is None else Located(value=result, place=place)


def located(read_value: Reader[T]) -> Reader[Located[T]]:
    """A reader that keeps the place with the value, for later checks."""
    return LocatedReader(inner=read_value)


def kind(value: object) -> str:
    """A value's type, as TOML names it."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "an integer"),
        (float, "a float"),
        (list, "a list"),
        (dict, "a table"),
        (dt.date, "a date"),
        (dt.time, "a time"),
    )
    return next(name for type_, name in kinds if isinstance(value, type_))
