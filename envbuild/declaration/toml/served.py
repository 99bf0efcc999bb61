"""Check `indexes`: each name is an explicit index, each explicit index is used, and no package has two indexes."""

from __future__ import annotations

from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING

from envbuild.declaration.index import DEFAULT_INDEX
from envbuild.declaration.toml.index import INDEX_NAME
from envbuild.declaration.torch_backend import served_indexes
from envbuild.nearest_name import near_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.declaration.driver import Driver
    from envbuild.declaration.index import Index
    from envbuild.declaration.toml.table import Place

KEY = "indexes"
_MOST_EXPLICIT = 100


def check_served(
    document: Mapping[str, object],
    place: Place,
    indexes: tuple[Index, ...],
    drivers: Iterable[Driver],
) -> None:
    """Note what is wrong with `indexes` of drivers and defaults; `place` is that of the whole document."""
    explicit = [index for index in indexes if index.explicit]
    if len(explicit) > _MOST_EXPLICIT:
        words = f"{len(explicit)} indexes are explicit, but at most {_MOST_EXPLICIT} are allowed"
        place.at("index").wrong(words, hint="split the file into several")
        return
    lists = tuple(_lists(document, place))
    for names, at in lists:
        _check_names(names, at, {index.name for index in indexes if index.backend is None})
    clashes = _Clashes(indexes)
    for driver in drivers:
        at = place.at("drivers", driver.name)
        with suppress(ValueError):  # `backend_indexes` has noted a backend that does not follow
            clashes.check(served_indexes(driver), at.at(KEY))
            for variant in driver.variants:
                together = served_indexes(driver, variant)
                clashes.check(together, at.at("variants", variant.name, KEY))
    named = {name for names, _ in lists for name in names if isinstance(name, str)}
    for number, index in enumerate(indexes if not place.source.problems else ()):
        if index.explicit and index.backend is None and index.name not in named:
            place.at("index", number).wrong(
                f"no driver names the explicit index '{index.name}'",
                hint=f'name it: indexes = ["{index.name}"] in a driver, or remove `explicit`',
            )


def _lists(document: Mapping[str, object], place: Place) -> Iterator[tuple[list[object], Place]]:
    """Every list of indexes in the text, with its place."""
    drivers = document.get("drivers")
    homes: list[tuple[tuple[str, ...], object]] = [(("defaults",), document.get("defaults"))]
    homes += [(("drivers", name), table) for name, table in _table(drivers).items()]
    homes += [
        (("drivers", name, "variants", variant), inner)
        for name, table in _table(drivers).items()
        for variant, inner in _table(_table(table).get("variants")).items()
    ]
    for path, table in homes:
        names = _table(table).get(KEY)
        if isinstance(names, list):
            yield names, place.at(*path, KEY)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _check_names(names: list[object], place: Place, known: Iterable[str]) -> None:
    for number, name in enumerate(names):
        if name == DEFAULT_INDEX:
            place.at(number).wrong(
                "the default index serves every driver", hint="remove it from `indexes`"
            )
        elif isinstance(name, str) and INDEX_NAME.fullmatch(name) and name not in known:
            hint = near_hint(name, known, f"add [[index]] with name = {name!r}")
            place.at(number).wrong(f"there is no index {name!r}", hint=hint)


class _Clashes:
    """Pairs of indexes that are bound to one package, each compared once and only where it matters."""

    def __init__(self, indexes: tuple[Index, ...]) -> None:
        self._indexes = indexes
        self._known: dict[tuple[int, int], str | None] = {}
        self._seen: set[frozenset[str]] = set()

    def check(self, named: tuple[str, ...], place: Place) -> None:
        """Report drivers that would get a package from two of these indexes."""
        if frozenset(named) in self._seen:
            return
        self._seen.add(frozenset(named))
        served = [
            number
            for number, index in enumerate(self._indexes)
            if not index.explicit or index.name in named
        ]
        for first, second in combinations(served, 2):
            one, other = self._indexes[first], self._indexes[second]
            if not (one.explicit or other.explicit):
                continue  # reported at the index
            package = self._shared(first, second)
            if package is not None:
                place.wrong(
                    f"'{package}' would come from two indexes: '{one.name}' (line {one.line}) "
                    f"and '{other.name}' (line {other.line})",
                    hint="name one of the two, or use two drivers or variants"
                    if one.backend is None and other.backend is None
                    else "remove `torch-backend`, or let the other index have fewer `packages`",
                )

    def _shared(self, first: int, second: int) -> str | None:
        """A pattern of the second index that a pattern of the first covers."""
        if (first, second) not in self._known:
            above = self._indexes[first].packages
            exact, wild = frozenset(above), [pattern for pattern in above if "*" in pattern]
            self._known[first, second] = next(
                (
                    pattern
                    for pattern in self._indexes[second].packages
                    if pattern in exact or any(fnmatchcase(pattern, one) for one in wild)
                ),
                None,
            )
        return self._known[first, second]
