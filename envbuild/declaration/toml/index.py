"""`[[index]]` → Index: where packages come from, and which packages are bound to it."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from packaging.utils import canonicalize_name

from envbuild.declaration.index import DEFAULT_INDEX, INDEX_FORMATS, Index, index_variable
from envbuild.declaration.toml.table import (
    Key,
    Located,
    Place,
    Table,
    TextError,
    boolean,
    list_of,
    located,
    tables,
    text,
)

INDEX_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_URL_FORM = "write it like https://packages.example.com/simple"
_LONGEST_PATTERN = 200
_MOST_WILDCARDS = 200
_PATTERN = re.compile(r"[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?")


def index_name(written: str) -> str:
    """The name of an index."""
    if not INDEX_NAME.fullmatch(written):
        raise TextError(
            f"{written!r} is not an index's name",
            hint="letters, digits, hyphens and underscores, beginning with a letter or a digit",
        )
    if written != DEFAULT_INDEX and index_variable(written) == index_variable(DEFAULT_INDEX):
        raise TextError(f"the default index is written '{DEFAULT_INDEX}', not {written!r}")
    return written


def _url(written: str) -> SplitResult:
    """The parts of a URL; no message repeats a possible password."""
    if re.search(r"[\s\x00-\x1f]", written):
        raise TextError("a URL cannot contain spaces")
    try:
        parts = urlsplit(written)
        _ = parts.port
    except ValueError:
        raise TextError("this is not a URL", hint=_URL_FORM) from None
    if parts.scheme == "file":
        return _local(parts)
    if parts.scheme not in ("http", "https"):
        raise TextError(
            "the URL of an index must begin with https://, http:// or file:///",
            hint='for a folder of wheels write path = "…" instead of url',
        )
    if not parts.hostname:
        raise TextError("the URL names no host", hint=_URL_FORM)
    return parts


def _local(parts: SplitResult) -> SplitResult:
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise TextError(
            "a file: URL must name this host and an absolute path",
            hint="write it like file:///srv/simple",
        )
    return parts


def _format(written: str) -> str:
    if written not in INDEX_FORMATS:
        raise TextError(
            f"{written!r} is not a format of an index",
            hint='"simple": a page for each package (PEP 503); '
            '"flat": one page or folder with the files of all',
        )
    return written


def _path(written: str) -> str:
    if not written or "\0" in written:
        raise TextError("a folder is missing between the quotes")
    if "://" in written:
        raise TextError("a path is not a URL", hint="write the folder, or use url instead of path")
    if written.startswith("~"):
        raise TextError(
            "`~` is not expanded here", hint="write the absolute path, or one relative to this file"
        )
    return written


def _pattern(written: str) -> str:
    pattern = canonicalize_name(written)
    if len(pattern) > _LONGEST_PATTERN or not _PATTERN.fullmatch(pattern):
        raise TextError(
            f"{written!r} is not the name of a package or a pattern of names",
            hint="a name such as 'acme-core', or with `*` for any characters: 'acme-*'",
        )
    return pattern


NAME = Key("name", text(index_name))
URL = Key("url", text(_url))
PATH = Key("path", text(_path))
FORMAT = Key("format", text(_format))
PACKAGES = Key("packages", list_of(located(text(_pattern))))
EXPLICIT = Key("explicit", boolean)

INDEX_KEYS: tuple[Key[object], ...] = (NAME, URL, PATH, FORMAT, PACKAGES, EXPLICIT)
"""The keys of `[[index]]`."""


def read_indexes(value: object, place: Place) -> tuple[Index, ...]:
    """Every index that can be read, in the order of the file."""
    read = tables(INDEX_KEYS)(value, place) or ()
    for table in read:
        _check_name(table)
        _check_one_place(table)
    named = [(name, table) for table in read if (name := table.get(NAME)) is not None]
    for name, table in named:
        _check_secrets(table, name)
        _check_packages(table, name)
    _check_clashes(named)
    _check_shadows([(name, table) for name, table in named if not table.get(EXPLICIT)])
    return tuple(_index(table, name) for name, table in named)


def _index(table: Table, name: str) -> Index:
    url, path = table.get(URL), table.get(PATH)
    folder = table.place.source.folder
    if path is not None and folder is not None:
        path = posixpath.normpath(posixpath.join(folder, path))
    return Index(
        name=name,
        url=None if url is None else url.geturl(),
        path=path,
        format=table.get(FORMAT),
        packages=tuple(pattern.value for pattern in table.get(PACKAGES) or ()),
        line=table.place.line,
        explicit=table.get(EXPLICIT) or False,
    )


def _check_name(table: Table) -> None:
    if not table.has(NAME):
        table.place.wrong("the index has no `name`", hint='add name = "…"')


def _check_one_place(table: Table) -> None:
    if table.has(URL) and table.has(PATH):
        table.place.wrong("the index has both `url` and `path`", hint="keep one of them")
    if not table.has(URL) and not table.has(PATH):
        table.place.wrong(
            "the index has neither `url` nor `path`",
            hint='add url = "https://…", or path = "…" for a folder of wheels',
        )


def _check_secrets(table: Table, name: str) -> None:
    url = table.get(URL)
    if url is None:
        return
    if "@" in url.netloc:
        what = "a user or a password"
    elif url.query or url.fragment:
        what = "`?` or `#`"
    else:
        return
    table.place.at(URL.name).wrong(
        f"this file holds no secrets, but the URL has {what} in it",
        hint=f"remove it, and give each host the whole URL in ${index_variable(name)}",
    )


def _check_packages(table: Table, name: str) -> None:
    if name == DEFAULT_INDEX and table.get(EXPLICIT):
        table.place.at(EXPLICIT.name).wrong(
            "the default index cannot be explicit: it serves what no other index is bound to",
            hint="remove `explicit`, or give the index another name",
        )
    if name == DEFAULT_INDEX and table.has(PACKAGES):
        table.place.at(PACKAGES.name).wrong(
            "the default index serves every package that no other index is bound to",
            hint="remove `packages` here",
        )
    elif name != DEFAULT_INDEX and (not table.has(PACKAGES) or table.get(PACKAGES) == ()):
        table.place.at(PACKAGES.name).wrong(
            f"no package is bound to the index '{name}'",
            hint='name them: packages = ["acme-*"]; else anybody who registers one of their names '
            "on the default index takes it over (dependency confusion)",
        )


def _check_clashes(named: list[tuple[str, Table]]) -> None:
    first: dict[str, Table] = {}
    for name, table in named:
        earlier = first.setdefault(index_variable(name), table)
        if earlier is not table:
            table.place.at(NAME.name).wrong(
                f"the index '{name}' has the name of the one on line {earlier.place.line}: "
                f"${index_variable(name)} would mean both",
                hint="capitals, hyphens and underscores do not make names different; rename one",
            )


def _check_shadows(named: list[tuple[str, Table]]) -> None:
    """Report a pattern below one that covers it: it has no effect, because the first match counts.

    `*` is the only wildcard, so a pattern covers another one if it matches its text.
    """
    earlier = _Bound()
    for name, table in named:
        patterns = table.get(PACKAGES) or ()
        for pattern in patterns:
            found = earlier.covering(pattern.value)
            if found is not None:
                covering, other = found
                pattern.place.wrong(
                    f"'{pattern.value}' is bound to the index '{other}' by '{covering}'",
                    hint=f"put the index '{name}' above '{other}', or bind it once",
                )
        if not earlier.add(name, patterns):
            words = f"more than {_MOST_WILDCARDS} patterns have a `*` in them"
            table.place.at(PACKAGES.name).wrong(words, hint="use fewer and wider ones")
            return


class _Bound:
    """The patterns of earlier indexes; those without a wildcard are found at once."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._wild: list[tuple[str, str]] = []

    def add(self, index: str, patterns: tuple[Located[str], ...]) -> bool:
        """Add an index's patterns; False if there are too many to compare."""
        for pattern in patterns:
            if "*" in pattern.value:
                self._wild.append((pattern.value, index))
            else:
                self._exact.setdefault(pattern.value, index)
        return len(self._wild) <= _MOST_WILDCARDS

    def covering(self, pattern: str) -> tuple[str, str] | None:
        """An earlier pattern that covers this one, with its index."""
        if pattern in self._exact:
            return pattern, self._exact[pattern]
        return next((known for known in self._wild if fnmatchcase(pattern, known[0])), None)
