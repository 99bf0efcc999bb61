"""Where every index of a declaration is on this host, and the credentials for it."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envbuild.declaration.declaration import (
    DEFAULT_INDEX,
    FLAT,
    INDEX_FORMATS,
    SIMPLE,
    Index,
    bound_index,
    format_variable,
    index_variable,
)
from envbuild.errors import Problem, UsageError
from envbuild.index.credentials import Credentials, Netrc
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from envbuild.declaration.declaration import Bindings, Declaration

_HINT = (
    "give an http(s) URL, or several with blanks between them; or a file: URL or an absolute folder"
)
_NEXT_PLACE = re.compile(r"\s+(?=https?://)", re.IGNORECASE)
"""Between two mirrors; a folder has none, and may have a blank in its name."""

_LONGEST_SHOWN = 40
_PORTS = {"http": 80, "https": 443}


@value
class IndexLocation:
    """Where one index lives: at a URL or on this host's disk."""

    name: str
    """The index's name, as declared."""

    url: str | None = None
    """The PEP 503 root without a final slash, or a page of links; without credentials, None for a folder."""

    folder: Path | None = None
    """An absolute folder of wheels or of pages, or a page of links that is a file; or None."""

    format: str | None = None
    """`simple` or `flat`; None is `simple` for a URL, and for a folder what is in it."""

    mirrors: tuple[IndexLocation, ...] = ()
    """Further places that have the same, in the order in which they are asked when this one is down."""

    credentials: Credentials | None = field(default=None, repr=False)
    elsewhere: Callable[[str], Credentials | None] | None = field(default=None, repr=False)
    """Host → credentials, for hosts of links and redirects."""

    packages: tuple[str, ...] = ()
    """The patterns of the packages that are bound to it; empty for the default index."""

    @property
    def place(self) -> str:
        """The place in messages: `host:port`, or the folder; never credentials."""
        return urlsplit(self.url).netloc if self.url is not None else str(self.folder)

    @property
    def is_flat(self) -> bool:
        """Whether one page or one folder lists the files of all packages, if that is known without reading it."""
        return self.format == FLAT or (self.folder is not None and self.format != SIMPLE)

    @property
    def is_plain(self) -> bool:
        """Whether it is a single PEP 503 index on the web, which uv can ask without us."""
        return self.url is not None and not self.is_flat and not self.mirrors

    @property
    def places(self) -> tuple[IndexLocation, ...]:
        """The place itself and its mirrors, in the order in which they are asked."""
        return (replace(self, mirrors=()), *self.mirrors) if self.mirrors else (self,)

    @property
    def variable(self) -> str:
        """The environment variable with this index's place."""
        return index_variable(self.name)

    def authorization(self, url: str) -> str | None:
        """The `Authorization` header for a URL: the index's own for its scheme, host and port, else netrc's."""
        if (
            self.credentials is not None
            and self.url is not None
            and _origin(url) == _origin(self.url)
        ):
            return self.credentials.authorization()
        parts = urlsplit(url)
        if self.elsewhere is None or (
            parts.scheme != "https" and (self.url or "").startswith("https:")
        ):
            return None  # an index on https makes us send no password over plain http
        known = self.elsewhere(parts.hostname or "")
        return known.authorization() if known is not None else None


class IndexLocations:
    """The bound indexes in the declaration's order, and the default index.

    uv has a default index of its own; its address is requested only if it is needed, and once.
    """

    def __init__(
        self,
        bindings: Bindings,
        located: tuple[IndexLocation, ...],
        default: IndexLocation | None,
        learn_default: Callable[[], IndexLocation],
    ) -> None:
        """`located` has every declared index but the default one, also those that `bindings` do not name."""
        self.bindings = bindings
        self.declared_default = default
        """The declared place of the default index; None leaves it to uv."""

        self._located = {location.name: location for location in located}
        self._learned = default
        self._learn = learn_default
        self._learning = threading.Lock()

    @property
    def default(self) -> IndexLocation:
        """The default index; uv's own if no place was declared."""
        with self._learning:
            if self._learned is None:
                self._learned = self._learn()
            return self._learned

    @property
    def most_places(self) -> int:
        """How many mirrors may be asked one after the other, at most."""
        declared = () if self.declared_default is None else (self.declared_default,)
        return max((len(location.places) for location in (*self.bound, *declared)), default=1)

    @property
    def bound(self) -> tuple[IndexLocation, ...]:
        """The indexes that packages are bound to, in the declaration's order."""
        return tuple(self._located[name] for name, _ in self.bindings)

    def bindings_with(self, names: Collection[str]) -> Bindings:
        """The bindings for a driver with these explicit indexes."""
        served = {name for name, _ in self.bindings} | set(names)
        return tuple(
            (one.name, one.packages) for one in self._located.values() if one.name in served
        )

    def view(self, bindings: Bindings) -> IndexLocations:
        """The same indexes for a driver, a variant or a lockfile with other bindings.

        UsageError if these name an index that is no longer declared.
        """
        if bindings == self.bindings:
            return self
        gone = [name for name, _ in bindings if name not in self._located]
        if gone:
            message = f"a lockfile has packages of the index '{gone[0]}', which is not declared"
            raise UsageError(Problem(message=message, hint="run `envbuild lock`"))
        located = tuple(self._located.values())
        return IndexLocations(bindings, located, self.declared_default, lambda: self.default)

    def holding(self, index: str, package: str) -> IndexLocation:
        """The index of that name; if it is no longer declared, the one that the package comes from now."""
        return self._located[index] if index in self._located else self.of(package)

    def named(self, name: str) -> IndexLocation:
        """The index with that name; KeyError if there is none."""
        if name == DEFAULT_INDEX:
            return self.default
        return self._located[name]

    def of(self, package: str) -> IndexLocation:
        """The only index that a package, given by its normalised name, may come from."""
        return self.named(bound_index(self.bindings, package))

    def is_bound(self, package: str) -> bool:
        """Whether a package comes from another index than the default one."""
        return bound_index(self.bindings, package) != DEFAULT_INDEX


def locate_indexes(
    declaration: Declaration, environ: Mapping[str, str], learn_default_url: Callable[[], str]
) -> IndexLocations:
    """Where every declared index lives here; the environment goes before the declaration.

    `learn_default_url` is called at most once, and only where the default index is left to uv.
    UsageError names every variable with an invalid value; IndexFailureError a netrc file that cannot be read.
    """
    problems: list[Problem] = []
    netrc = Netrc(environ)
    located = [_locate(index, declaration, environ, problems) for index in _every(declaration)]
    if problems:
        raise UsageError(problems)
    known = {found.name: netrc.complete(found) for found in located if found is not None}
    default = known.pop(DEFAULT_INDEX, None)

    def learn() -> IndexLocation:
        return netrc.complete(_split(DEFAULT_INDEX, learn_default_url()))

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
    if scheme in _PORTS:
        return replace(_split(name, text, form), format=form)
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


def _split(name: str, url: str, form: str | None = None) -> IndexLocation:
    """Remove the credentials from a URL; ValueError says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no valid URL") from None
    if not parts.hostname or re.search(r"\s", url):
        raise ValueError("is no valid URL")
    if parts.query or parts.fragment:
        raise ValueError("is a URL with a query or a fragment, which an index does not have")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    bare = parts._replace(netloc=host if port is None else f"{host}:{port}")
    known = parts.username is not None
    password = None if parts.password is None else unquote(parts.password)
    credentials = Credentials(user=unquote(parts.username or ""), password=password)
    place = bare.geturl()
    return IndexLocation(
        name=name,
        url=place if form == FLAT else place.rstrip("/"),  # a page's links begin at its last slash
        credentials=credentials if known else None,
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, which credentials belong to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
