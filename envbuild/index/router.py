"""A package index on loopback that requests every package from that package's own index.

uv sees one index and no credentials.
All requests of a command see the same pages, each of which is requested once.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import re
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Self

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.once import Once
from envbuild.index.page_parser import page_of
from envbuild.index.reply import CHUNK
from envbuild.index.router_server import FIRST_PORT, PORTS, Content, Served, listen
from envbuild.target.wheel_choice import is_stand_in
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from envbuild.index.inner_metadata import InnerMetadataReader
    from envbuild.index.listed_sources import ListedSources
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient


_ADDRESS = r"http://(?:[^\s/@]+@)?127\.0\.0\.1:\d{1,5}/…/"
_NAMES = (
    (re.compile(rf"{_ADDRESS}files/[^/\s]+/"), ""),
    (re.compile(rf"{_ADDRESS}simple/([a-z0-9][a-z0-9-]*)/?"), r"the page of \1"),
    (re.compile(rf"{_ADDRESS}simple/?"), "the index"),
)
"""The router's addresses as uv repeats them, and what they stand for."""


class IndexRouter:
    """Serves packages from their own indexes while its `with` block runs."""

    def __init__(
        self,
        locations: IndexLocations,
        client: IndexClient,
        inner: InnerMetadataReader,
        *,
        secret: str,
        is_new: bool = False,
        hashes: bool = True,
        sources: ListedSources | None = None,
    ) -> None:
        """`secret` (hex digits) is part of the address, so that other users of the host cannot use it;
        the same secret gives the same address where its port is free.
        It `is_new` if no earlier command had it.
        `sources` lists wheels for what may come as source.
        `hashes` computes the sha256 of files in folders, which takes time and is not needed to install.
        """
        self._locations = locations
        self._client = client
        self._inner = inner
        self.secret = secret
        self.is_new = is_new
        """Whether no client can have kept answers of this address from an earlier command."""

        self._command = secrets.token_hex(8)
        self._hashes = hashes
        self._sources = sources
        self._pages: Once[Served] = Once()
        self._bad: dict[IndexAnswer, None] = {}
        self._timeless: dict[str, None] = {}
        self.told: list[Callable[[str, int], None]] = []
        """Called with a package and the bytes of its file that have come so far, from any thread."""

        self.asked: dict[str, set[str]] = {}
        """Each package whose page was asked for, with the names of the wheels whose METADATA was."""

        self._server = listen(self, FIRST_PORT + int(secret[:8], 16) % PORTS)

    @property
    def url(self) -> str:
        """The router's address as an index, without a final slash.

        The password is new in every command, and what may change varies with it:
        a client that keeps pages asks for each once a command, in however many processes.
        """
        return f"http://envbuild:{self._command}@{self._place}/simple"

    @property
    def files_url(self) -> str:
        """The address of files, followed by `/PACKAGE/FILE NAME`."""
        return f"http://{self._place}/files"

    @property
    def bad_answers(self) -> tuple[IndexAnswer, ...]:
        """The bad answers of indexes so far, in order, each once."""
        return tuple(self._bad)

    @property
    def timeless(self) -> tuple[str, ...]:
        """The requested packages whose page has no upload time."""
        return tuple(self._timeless)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def _place(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}/{self.secret}"

    def admits(self, secret: str) -> bool:
        """Whether a request has the secret address."""
        return hmac.compare_digest(secret.encode(), self.secret.encode())

    def without_secret(self, text: str) -> str:
        """A text without the router's address."""
        text = text.replace(self.secret, "…")
        for address, meaning in _NAMES:
            text = address.sub(meaning, text)
        return text

    def passed(self, package: str, size: int) -> None:
        """Report how much of a file has been sent."""
        for told in tuple(self.told):
            told(package, size)

    def note(self, answer: IndexAnswer) -> None:
        """Keep a bad answer for the diagnosis."""
        self._bad[answer] = None

    def page(self, package: str) -> Served:
        """The package's page with the router's own addresses; IndexAnswerError as its index gave it."""
        self.asked.setdefault(package, set())
        return self._pages.get(package, lambda: self._page(package))

    def _page(self, package: str) -> Served:
        location = self._locations.of(package)
        if location.tree is not None and self._sources is not None:
            page = self._sources.tree_page(location, package)
        else:
            page = self._client.project_page(location, package)
        if not page.tells_times:
            self._timeless[package] = None
        if (location.folder is not None or location.files) and self._hashes:
            files = (self._with_digest(location, package, file) for file in page.files)
            page = page_of(package, files)
        if self._sources is not None:
            page = self._sources.on_page(location, page)
        return Served(etag=f'"{page.digest}"', body=page.text)

    @contextmanager
    def content(self, package: str, filename: str, span: str | None) -> Generator[Content]:
        """A file's bytes from its own index, or a range of them if that index supports ranges."""
        location, listed = self._file(package, filename)
        if is_on_disk(location, listed):
            with open_on_disk(location, package, listed) as stream:
                yield _LocalContent(stream)
        else:
            with self._client.open_file(location, package, listed, span=span) as reply:
                yield reply

    def _file(self, package: str, filename: str) -> tuple[IndexLocation, IndexFile]:
        """The file as its own index lists it; IndexAnswerError if it does not."""
        location = self._locations.of(package)
        return location, self._client.listed_file(location, package, filename)

    def metadata(self, package: str, filename: str, known: str | None) -> Served:
        """The METADATA of a wheel; without its text if the client has it by its `known` ETag.

        A wheel that cannot be read is noted, and the client passes over it.
        """
        self.asked.setdefault(package, set()).add(filename)
        return self.read_metadata(package, filename, known)

    def read_metadata(self, package: str, filename: str, known: str | None = None) -> Served:
        """The same for envbuild itself: it is not noted that it was asked for."""
        if self._sources is not None and is_stand_in(filename):
            location = self._locations.of(package)
            return self._sources.metadata(location, package, filename, self._locations.bindings)
        location, listed = self._file(package, filename)
        if listed.metadata_sha256 is not None and known == f'"{listed.metadata_sha256}"':
            return Served(etag=known, body=b"", lifetime=math.inf)
        lifetime = 0.0
        try:
            found = self._inner.read_served(location, package, listed)
            content, lifetime = found.content, found.lifetime
        except IndexAnswerError as error:
            if error.answer.fault is not Fault.GARBAGE:
                raise
            self.note(error.answer)
            content = b""
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return Served(etag=etag, body=content, lifetime=lifetime)

    def _with_digest(self, location: IndexLocation, package: str, file: IndexFile) -> IndexFile:
        """A file of a folder or of a source, whose sha256 no page has."""
        if file.sha256 is not None or not (location.files or is_on_disk(location, file)):
            return file
        return replace(file, sha256=self._client.download(location, package, file)[0])


class _LocalContent:
    """A whole file of a folder, as content."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"Content-Length": str(os.fstat(stream.fileno()).st_size)}
        self._stream = stream

    def stream(self) -> Iterator[bytes]:
        """The bytes, in pieces of limited size."""
        while piece := self._stream.read(CHUNK):
            yield piece
