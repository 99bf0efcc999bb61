"""The declared places of indexes, and the variables of this host that override them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envbuild.declaration.index import (
    DEFAULT_INDEX,
    INDEX_FORMATS,
    Index,
    format_variable,
    index_variable,
)
from envbuild.errors import Problem, UsageError
from envbuild.index.credentials import Netrc
from envbuild.index.locations import IndexLocation, IndexLocations, split_credentials
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.declaration.declaration import Declaration

_HINT = (
    "give an http(s) URL, or several with blanks between them; or a file: URL or an absolute folder"
)
_NEXT_PLACE = re.compile(r"(?<!\s)\s+(?=https?://)", re.IGNORECASE)
"""Between two mirrors; a folder has none, and may have a blank in its name."""

_LONGEST_SHOWN = 40
_SCHEMES = ("http", "https")


def locate_indexes(
    declaration: Declaration, environ: Mapping[str, str], ask_uv: Callable[[str | None], str]
) -> IndexLocations:
    """Where every declared index is on this host; variables override the declaration.

    `ask_uv` gives the address of a torch backend's index, or for None of uv's default index;
    it is called at most once for each, and only if neither a variable nor the declaration names it.
    UsageError names every variable with an invalid value; IndexFailureError a netrc file that cannot be read.
    """
    problems: list[Problem] = []
    netrc = Netrc(environ)
    located = [_locate(index, declaration, environ, problems) for index in _every(declaration)]
    if problems:
        raise UsageError(problems)
    from envbuild.index.source_places import locate_sources

    known = {one.name: one for one in locate_sources(declaration.sources, environ, netrc)}
    known |= {found.name: netrc.complete(found) for found in located if found is not None}
    default = known.pop(DEFAULT_INDEX, None)
    backends = {index.name: index for index in declaration.indexes if index.backend is not None}

    def learn(name: str) -> IndexLocation:
        if name not in backends:
            assert name == DEFAULT_INDEX, "a source is never looked for on an index"
            return netrc.complete(split_credentials(name, ask_uv(None)))
        index = backends[name]
        try:
            found = split_credentials(name, ask_uv(index.backend))
        except UsageError as error:
            where = {"file": declaration.file, "line": index.line, "key": "torch-backend"}
            raise UsageError(replace(one, **where) for one in error.problems) from None
        return netrc.complete(replace(found, packages=index.packages))

    return IndexLocations(declaration.bindings(), tuple(known.values()), default, learn)


def _every(declaration: Declaration) -> tuple[Index, ...]:
    """Every declared index, and the default one in any case."""
    if any(index.name == DEFAULT_INDEX for index in declaration.indexes):
        return declaration.indexes
    default = Index(name=DEFAULT_INDEX, url=None, path=None, packages=(), line=0)
    return (*declaration.indexes, default)


def _locate(
    index: Index,
    declaration: Declaration,
    environ: Mapping[str, str],
    problems: list[Problem],
) -> IndexLocation | None:
    """The place of an index, or None if it is not configured; mistakes are added to the problems."""
    variable = index_variable(index.name)
    override = environ.get(variable)
    form = _format(index, environ, problems)
    if not override and index.path is not None:
        place = Path(index.path)
        return IndexLocation(name=index.name, folder=place, format=form, packages=index.packages)
    if not override and index.backend is not None:
        return IndexLocation(name=index.name, packages=index.packages)
    if not override and index.url is None:
        return None
    declared = {"file": declaration.file, "line": index.line, "key": f"index.{index.name}"}
    where: dict[str, Any] = {"key": f"${variable}"} if override else declared
    found = []
    for text in _NEXT_PLACE.split((override or index.url or "").strip()):
        try:
            found.append(_parse_place(index.name, text, form))
        except ValueError as error:
            message = f"the place of index '{index.name}' {error}"
            problems.append(Problem(message=message, hint=_HINT, **where))
            return None
    first, *more = (replace(location, packages=index.packages) for location in found)
    return replace(first, mirrors=tuple(more))


def _format(index: Index, environ: Mapping[str, str], problems: list[Problem]) -> str | None:
    """The format of an index on this host; an invalid word is added to the problems."""
    variable = format_variable(index.name)
    override = environ.get(variable)
    if not override or override in INDEX_FORMATS:
        return override or index.format
    message = f"{override[:_LONGEST_SHOWN]!r} is not a format of an index"
    hint = f"one of {', '.join(INDEX_FORMATS)}"
    problems.append(Problem(key=f"${variable}", message=message, hint=hint))
    return None


def _parse_place(name: str, text: str, form: str | None) -> IndexLocation:
    """An http(s) URL, a file: URL or an absolute folder → where an index lives.

    ValueError says what is wrong, and does not repeat the text, which may hold a password.
    """
    scheme = text.partition(":")[0].lower()
    if scheme in _SCHEMES:
        return replace(split_credentials(name, text, form), format=form)
    if scheme == "file":
        parts = urlsplit(text)
        if parts.hostname not in (None, "", "localhost"):
            raise ValueError("is a file: URL with a host; it takes three slashes: file:///folder")
        text = unquote(parts.path)
    elif "://" in text:
        raise ValueError(f"has a scheme that cannot be served from: {text.partition('://')[0]}")
    if not Path(text).is_absolute():
        raise ValueError("is neither a URL nor an absolute folder")
    return IndexLocation(name=name, folder=Path(text), format=form)
