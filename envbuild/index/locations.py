"""Where every index of a declaration lives on this host, and who we are there."""

from __future__ import annotations

import base64
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.declaration.declaration import DEFAULT_INDEX, Index, index_variable
from envbuild.errors import Problem, UsageError
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.declaration.declaration import Declaration

_HINT = "give an http(s) URL, a file: URL or an absolute folder of wheels"
_PORTS = {"http": 80, "https": 443}
_KEYRING_TIMEOUT = 60.0
"""Seconds for a keyring to answer: it may ask the user to unlock it."""


@value
class Credentials:
    """Who we are at an index; never shown, `repr` included."""

    user: str = field(repr=False)
    password: str | None = field(repr=False)
    """None where only the user is known."""

    def authorization(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        token = base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return f"Basic {token}"


@value
class IndexLocation:
    """Where one index lives: at a URL or in a folder of wheels."""

    name: str
    """The index's name, as declared."""

    url: str | None = None
    """The PEP 503 root without credentials and without a final slash; None for a folder."""

    folder: Path | None = None
    """An absolute folder of wheels, or None."""

    credentials: Credentials | None = field(default=None, repr=False)
    elsewhere: Callable[[str], Credentials | None] | None = field(default=None, repr=False)
    """Host → who we are there, for hosts that pages, links and redirects lead to."""

    packages: tuple[str, ...] = ()
    """The patterns of the packages that are bound to it; empty for the default index."""

    @property
    def place(self) -> str:
        """What messages show: `host:port`, or the folder; never credentials."""
        return urlsplit(self.url).netloc if self.url is not None else str(self.folder)

    @property
    def variable(self) -> str:
        """The environment variable that says where this index lives."""
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

    uv knows an index of its own; its address is asked for only when it is needed, and once.
    """

    def __init__(
        self,
        declaration: Declaration,
        bound: tuple[IndexLocation, ...],
        default: IndexLocation | None,
        learn_default: Callable[[], IndexLocation],
    ) -> None:
        self.bound = bound
        self.declared_default = default
        """Where the default index was said to live; None leaves it to uv."""

        self._index_of = declaration.index_of
        self._learned = default
        self._learn = learn_default
        self._learning = threading.Lock()

    @property
    def default(self) -> IndexLocation:
        """The default index, with the address that uv knows where nobody said another."""
        with self._learning:
            if self._learned is None:
                self._learned = self._learn()
            return self._learned

    def named(self, name: str) -> IndexLocation:
        """The index of that name; KeyError where there is none."""
        if name == DEFAULT_INDEX:
            return self.default
        for location in self.bound:
            if location.name == name:
                return location
        raise KeyError(name)

    def of(self, package: str) -> IndexLocation:
        """The one index that a package, by its normalised name, may come from."""
        return self.named(self._index_of(package))

    def is_bound(self, package: str) -> bool:
        """Whether a package comes from another than the default index."""
        return self._index_of(package) != DEFAULT_INDEX


def locate_indexes(
    declaration: Declaration, environ: Mapping[str, str], learn_default_url: Callable[[], str]
) -> IndexLocations:
    """Where every declared index lives here; the environment goes before the declaration.

    `learn_default_url` is called at most once, and only where the default index is left to uv.
    UsageError names every variable whose value is no place, and a netrc file that cannot be read.
    """
    problems: list[Problem] = []
    netrc = _Netrc(environ)
    located = [_locate(index, declaration, environ, problems) for index in _every(declaration)]
    if problems:
        raise UsageError(problems)
    known = {found.name: netrc.complete(found) for found in located if found is not None}
    default = known.pop(DEFAULT_INDEX, None)

    def learn() -> IndexLocation:
        return netrc.complete(_split(DEFAULT_INDEX, learn_default_url()))

    return IndexLocations(declaration, tuple(known.values()), default, learn)


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
    """Where an index lives, or None where nobody says; what is wrong is added to the problems."""
    variable = index_variable(index.name)
    override = environ.get(variable)
    if not override and index.path is not None:
        return IndexLocation(name=index.name, folder=Path(index.path), packages=index.packages)
    if not override and index.url is None:
        return None
    try:
        location = _parse_place(index.name, override or index.url or "")
    except ValueError as error:
        problem = Problem(message=f"the place of index '{index.name}' {error}", hint=_HINT)
        declared = replace(
            problem, file=declaration.file, line=index.line, key=f"index.{index.name}"
        )
        problems.append(replace(problem, key=f"${variable}") if override else declared)
        return None
    return replace(location, packages=index.packages)


def _parse_place(name: str, text: str) -> IndexLocation:
    """An http(s) URL, a file: URL or an absolute folder → where an index lives.

    ValueError says what is wrong, and does not repeat the text, which may hold a password.
    """
    scheme = text.partition(":")[0].lower()
    if scheme in _PORTS:
        return _split(name, text)
    if scheme == "file":
        parts = urlsplit(text)
        if parts.hostname not in (None, "", "localhost"):
            raise ValueError("is a file: URL with a host; it takes three slashes: file:///folder")
        text = unquote(parts.path)
    elif "://" in text:
        raise ValueError(f"has a scheme that cannot be served from: {text.partition('://')[0]}")
    if not Path(text).is_absolute():
        raise ValueError("is neither a URL nor an absolute folder")
    return IndexLocation(name=name, folder=Path(text))


def _split(name: str, url: str) -> IndexLocation:
    """Take the credentials out of a URL; ValueError says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no valid URL") from None
    if not parts.hostname or re.search(r"\s", url):
        raise ValueError("is no valid URL")
    if parts.query or parts.fragment:
        raise ValueError("is a URL with a query or a fragment, which an index has not")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    bare = parts._replace(netloc=host if port is None else f"{host}:{port}")
    known = parts.username is not None
    password = None if parts.password is None else unquote(parts.password)
    credentials = Credentials(user=unquote(parts.username or ""), password=password)
    return IndexLocation(
        name=name, url=bare.geturl().rstrip("/"), credentials=credentials if known else None
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: what credentials are for."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def ask_keyring(url: str, user: str, environ: Mapping[str, str]) -> str | None:
    """The password that the program `keyring` has for a user, by the index's URL, else by its host."""
    import os

    from envbuild.posix.process import Command, SystemRunner, find_program, scrubbed_environment

    program = find_program("keyring", environ.get("PATH", ""))
    if program is None:
        message = "$ENVBUILD_KEYRING asks for keyring, which is not on PATH"
        raise UsageError(Problem(key="$ENVBUILD_KEYRING", message=message))
    for service in (url, urlsplit(url).netloc):
        command = Command(
            argv=(os.path.abspath(program), "get", service, user),  # noqa: PTH100
            env=scrubbed_environment(environ),
            cwd="/",
            timeout=_KEYRING_TIMEOUT,
        )
        done = SystemRunner().run(command)
        if done.code == 0 and done.stdout.strip():
            return done.stdout.rstrip("\n")
    return None


class _Netrc:
    """The user's netrc file, read once and only when an index has no credentials of its own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: Mapping[str, tuple[str, str, str]] | None = None

    def complete(self, location: IndexLocation) -> IndexLocation:
        """The location with what netrc, or a keyring where one is asked for, knows of its password.

        A user that the URL names is kept: only his password is looked for.
        """
        url = location.url
        if url is None:
            return location
        location = replace(location, elsewhere=self.of_host)
        given = location.credentials
        if given is not None and given.password is not None:
            return location
        host = urlsplit(url).hostname or ""
        found = self._find(host) or self._find("default")
        if found is not None and (given is None or given.user in ("", found.user)):
            return replace(location, credentials=found)
        if given is not None and self._environ.get("ENVBUILD_KEYRING") == "subprocess":
            password = ask_keyring(url, given.user, self._environ)
            return replace(location, credentials=replace(given, password=password))
        return location

    def of_host(self, host: str) -> Credentials | None:
        """Who we are at a host that netrc names; its entry for all other hosts is for indexes alone."""
        return self._find(host) if host != "default" else None

    def _find(self, host: str) -> Credentials | None:
        if self._known is None:
            self._known = self._read()
        found = self._known.get(host)
        return Credentials(user=found[0], password=found[2]) if found is not None else None

    def _read(self) -> Mapping[str, tuple[str, str, str]]:
        import netrc

        asked_for = self._environ.get("NETRC")
        home = self._environ.get("HOME")
        if not asked_for and not home:
            return {}
        path = asked_for or f"{home}/.netrc"
        try:
            return netrc.netrc(path).hosts
        except netrc.NetrcParseError as error:
            # the parser's own words may repeat a token, which may be a password
            message = "the netrc file cannot be parsed"
            raise UsageError(Problem(message=message, file=path, line=error.lineno)) from None
        except (OSError, UnicodeDecodeError) as error:
            if not asked_for:
                return {}
            reason = getattr(error, "strerror", None) or "it is not text"
            message = f"cannot read the netrc file that $NETRC names: {reason}"
            raise UsageError(Problem(message=message, file=path)) from None
