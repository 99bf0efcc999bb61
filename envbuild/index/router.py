"""A package index on loopback that requests every package from that package's own index.

uv sees one address and no credentials.
A name that the router serves is never requested from another index:
if its own index lacks it, the router answers with an empty page, which ends uv's search.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Self
from urllib.parse import quote

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.page import ProjectPage, render_page
from envbuild.index.remote_file import metadata_in_ranges
from envbuild.index.router_server import FIRST_PORT, PORTS, Content, listen
from envbuild.index.upload_times import tells_times
from envbuild.index.web import CHUNK
from envbuild.value import replace
from envbuild.wheelcache.metadata import find_metadata

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from types import TracebackType

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient


class IndexRouter:
    """Serves packages from their own indexes while its `with` block runs."""

    def __init__(
        self,
        locations: IndexLocations,
        client: IndexClient,
        *,
        secret: str,
        everything: bool = False,
        hashes: bool = True,
        redirects: bool = False,
    ) -> None:
        """Choose what to serve.

        `secret` (hex digits) is part of the address, so that other users of the host cannot use it;
        the same secret gives the same address where its port is free.
        `everything` serves the default index too, else only what is bound to another one.
        `hashes` computes the sha256 of files in folders, which takes time and is not needed to install.
        `redirects` sends who asks for a file of the default index there, where that needs no credentials.
        """
        self._locations = locations
        self._client = client
        self._secret = secret
        self._hashes = hashes
        self._redirects = redirects
        self.everything = everything
        self._digests: dict[tuple[str, str, int, int], str] = {}
        self._bad: dict[IndexAnswer, None] = {}
        self._timeless: dict[str, None] = {}
        self._server = listen(self, FIRST_PORT + int(secret[:8], 16) % PORTS)

    @property
    def url(self) -> str:
        """The router's address as an index, without a final slash."""
        return f"{self._origin}/simple"

    @property
    def files_url(self) -> str:
        """The address of files, followed by `/PACKAGE/FILE NAME`."""
        return f"{self._origin}/files"

    @property
    def bad_answers(self) -> tuple[IndexAnswer, ...]:
        """The bad answers of indexes so far, in order, each once."""
        return tuple(self._bad)

    @property
    def timeless(self) -> tuple[str, ...]:
        """The requested packages whose page has no upload time."""
        return tuple(self._timeless)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def _origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._secret}"

    def admits(self, secret: str) -> bool:
        """Whether a request has the secret address."""
        return hmac.compare_digest(secret.encode(), self._secret.encode())

    def without_secret(self, text: str) -> str:
        """A text without the router's address."""
        return text.replace(self._secret, "…")

    def serves(self, package: str) -> bool:
        """Whether the router serves a package."""
        return self.everything or self._locations.is_bound(package)

    def note(self, answer: IndexAnswer) -> None:
        """Keep a bad answer for the diagnosis."""
        self._bad[answer] = None

    def page(self, package: str) -> bytes:
        """The package's page with the router's own addresses; IndexAnswerError as its index gave it."""
        location = self._locations.of(package)
        page = self._client.project_page(location, package)
        if not tells_times(page):
            self._timeless[package] = None
        files = (self._own(location, package, file) for file in page.files)
        return render_page(ProjectPage(name=package, files=tuple(files)))

    def empty_page(self, package: str) -> bytes:
        """A page without files: uv then asks no other index."""
        return render_page(ProjectPage(name=package, files=()))

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

    def elsewhere(self, package: str, filename: str) -> str | None:
        """The address where a client may get a file itself, if its index needs no credentials."""
        if not self._redirects or self._locations.is_bound(package):
            return None
        location = self._locations.of(package)
        if not location.is_plain or location.credentials is not None:
            return None
        url = self._file(package, filename)[1].url
        scheme = (location.url or "").partition(":")[0]
        same = scheme in ("http", "https") and url.startswith(f"{scheme}://")
        return url.partition("#")[0] if same else None

    def _file(self, package: str, filename: str) -> tuple[IndexLocation, IndexFile]:
        """The file as its own index lists it; IndexAnswerError if it does not."""
        location = self._locations.of(package)
        listed = self._client.project_page(location, package).file(filename)
        if listed is None:
            raise _bad(Fault.NOT_FOUND, location, package, filename)
        return location, listed

    def metadata(self, package: str, filename: str) -> bytes:
        """The METADATA of a wheel: what lies beside it where the page has its hash, else what is inside.

        Where only a whole download could tell what is inside, what lies beside it has to do.
        """
        location, listed = self._file(package, filename)
        if not is_on_disk(location, listed):
            if listed.metadata_sha256 is None:
                inner = metadata_in_ranges(self._client, location, package, listed)
                if inner is not None:
                    return inner.content
            return self._client.metadata_beside(location, package, listed)
        try:
            with open_on_disk(location, package, listed) as wheel:
                return find_metadata(wheel, package)
        except ValueError as error:
            raise _bad(Fault.GARBAGE, location, package, filename, str(error)) from error

    def _own(self, location: IndexLocation, package: str, file: IndexFile) -> IndexFile:
        return replace(
            file,
            url=f"{self._origin}/files/{package}/{quote(file.filename)}",
            sha256=self._digest(location, package, file) if self._hashes else file.sha256,
        )

    def _digest(self, location: IndexLocation, package: str, file: IndexFile) -> str | None:
        if not is_on_disk(location, file) or file.sha256 is not None:
            return file.sha256
        with open_on_disk(location, package, file) as stream:
            status = os.fstat(stream.fileno())
            key = (location.name, file.url, status.st_size, status.st_mtime_ns)
            if key not in self._digests:
                self._digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._digests[key]


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


def _bad(
    fault: Fault, location: IndexLocation, package: str, file: str, reason: str | None = None
) -> IndexAnswerError:
    answer = IndexAnswer(fault=fault, location=location, package=package, file=file, reason=reason)
    return IndexAnswerError(answer)
