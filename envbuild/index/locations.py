"""Where indexes are on this host, and the credentials for them."""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.declaration.index import DEFAULT_INDEX, FLAT, SIMPLE, bound_index, index_variable
from envbuild.declaration.source import is_source, origin_words, source_variable
from envbuild.errors import Problem, UsageError
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from envbuild.declaration.index import Bindings
    from envbuild.index.page import IndexFile
    from envbuild.sourcetree.git_tree import GitTree
    from envbuild.sourcetree.path_tree import PathTree

_PORTS = {"http": 80, "https": 443}


@value
class Credentials:
    """The credentials for an index; never shown, not in `repr` either."""

    user: str = field(repr=False)
    password: str | None = field(repr=False)
    """None where only the user is known."""

    def authorization(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        token = base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return f"Basic {token}"


@value
class IndexLocation:
    """Where one index is: at a URL or on this host's disk."""

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

    files: tuple[IndexFile, ...] = ()
    """All files of a source, which has no page."""

    tree: PathTree | GitTree | None = None
    """The files of a source that has to be built."""

    @property
    def words(self) -> str:
        """Its name in messages."""
        return origin_words(self.name, self.packages[0] if self.packages else "")

    def with_files(self, package: str, files: tuple[IndexFile, ...]) -> IndexLocation:
        """The place as the source of a package."""
        return replace(self, packages=(package,), files=files)

    @property
    def place(self) -> str:
        """The place in messages: `host:port`, or the folder; never credentials."""
        if self.tree is not None:
            return self.tree.shown
        return urlsplit(self.url).netloc if self.url is not None else str(self.folder)

    @property
    def is_known(self) -> bool:
        """Whether it has a place; else only uv knows it."""
        return self.tree is not None or self.url is not None or self.folder is not None

    @property
    def is_flat(self) -> bool:
        """Whether one page or one folder lists the files of all packages, if that is known without reading it."""
        return self.format == FLAT or (self.folder is not None and self.format != SIMPLE)

    @property
    def has_pages(self) -> bool:
        """Whether it is a single place on the web that has a page for each package."""
        return self.url is not None and not (self.is_flat or self.mirrors or self.files)

    @property
    def places(self) -> tuple[IndexLocation, ...]:
        """The place itself and its mirrors, in the order in which they are asked."""
        return (replace(self, mirrors=()), *self.mirrors) if self.mirrors else (self,)

    @property
    def variable(self) -> str:
        """The environment variable with this index's place, or this source's."""
        if is_source(self.name):
            return source_variable(self.packages[0])
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

    uv knows a default index, and that of each torch backend; it is asked for an address only if it is needed, and once.
    """

    def __init__(
        self,
        bindings: Bindings,
        located: tuple[IndexLocation, ...],
        default: IndexLocation | None,
        learn: Callable[[str], IndexLocation],
    ) -> None:
        """`located` has every declared index but the default one, also those that `bindings` do not name.

        `learn` gives the place of an index, by its name, that is left to uv.
        Sources are among them, before indexes: they are more specific.
        """
        self.bindings = bindings
        self.declared_default = default
        """The declared place of the default index; None leaves it to uv."""

        self._located = {location.name: location for location in located}
        self._learned = {} if default is None else {DEFAULT_INDEX: default}
        self._learn = learn
        self._learning = threading.Lock()

    @property
    def default(self) -> IndexLocation:
        """The default index; uv's own if no place was declared."""
        return self._left_to_uv(DEFAULT_INDEX)

    def _left_to_uv(self, name: str) -> IndexLocation:
        with self._learning:
            if name not in self._learned:
                self._learned[name] = self._learn(name)
            return self._learned[name]

    @property
    def most_places(self) -> int:
        """How many mirrors may be asked one after the other, at most."""
        declared = () if self.declared_default is None else (self.declared_default,)
        return max((len(location.places) for location in (*self.bound, *declared)), default=1)

    @property
    def bound(self) -> tuple[IndexLocation, ...]:
        """The indexes that packages are bound to, in the declaration's order."""
        return tuple(self.named(name) for name, _ in self.bindings)

    def among(self, names: Collection[str]) -> tuple[IndexLocation, ...]:
        """Those of the named indexes that packages are bound to, explicit ones too, in the declaration's order."""
        return tuple(self.named(name) for name in self._located if name in names)

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
            packages = ", ".join(package for package in dict(bindings)[gone[0]])
            origin = origin_words(gone[0], packages)
            message = f"a lockfile has packages of {origin}, which is not declared"
            raise UsageError(Problem(message=message, hint="run `envbuild lock`"))
        located = tuple(self._located.values())
        return IndexLocations(bindings, located, self.declared_default, self._left_to_uv)

    def holding(self, index: str, package: str) -> IndexLocation:
        """The index of that name; if it is no longer declared, the one that the package comes from now."""
        return self.named(index) if index in self._located else self.of(package)

    def folder_holding(self, index: str, package: str) -> Path | None:
        """The folder of `holding`, if it is one on this host; uv is not asked for anything."""
        name = index if index in self._located else bound_index(self.bindings, package)
        located = self.declared_default if name == DEFAULT_INDEX else self._located.get(name)
        return located.folder if located is not None else None

    def named(self, name: str) -> IndexLocation:
        """The index with that name; KeyError if there is none."""
        if name == DEFAULT_INDEX:
            return self.default
        located = self._located[name]
        return located if located.is_known else self._left_to_uv(name)

    def of(self, package: str) -> IndexLocation:
        """The only index that a package, given by its normalised name, may come from."""
        return self.named(bound_index(self.bindings, package))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, which credentials belong to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def split_credentials(name: str, url: str, form: str | None = None) -> IndexLocation:
    """Remove the credentials from a URL; ValueError says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a valid URL") from None
    if not parts.hostname or re.search(r"\s", url):
        raise ValueError("is not a valid URL")
    if parts.query or parts.fragment:
        raise ValueError("is a URL with a query or a fragment, which an index cannot have")
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
