"""Ask package indexes, over HTTP or on disk: pages, METADATA, files."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar

from envbuild.index.answer import (
    Fault,
    IndexAnswer,
    IndexAnswerError,
    bad_answer,
    check_digest,
    garbage,
)
from envbuild.index.disk import files_in_folder, is_on_disk, open_on_disk, page_on_disk, read_page
from envbuild.index.flat import FlatListings
from envbuild.index.mirrors import Mirrors
from envbuild.index.once import Once
from envbuild.index.reply import CHUNK, Reply
from envbuild.index.requests import (
    file_request,
    metadata_request,
    page_request,
    page_url,
    release_request,
)
from envbuild.index.web import DEADLINE, READ_TIMEOUT, RETRIES, Web, longest_wait
from envbuild.index.web_faults import WebError
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.index.page_store import PageStore, StoredPage

_LARGEST_PAGE = 32 << 20
"""Bytes of a page, uncompressed: packages of ten thousand files have ten of these MiB."""

_READ = 1
"""Pages that are parsed at a time: some need 50 MiB for it, and Python parses one after the other anyway."""

_LARGEST_METADATA = 16 << 20
_LARGEST_RELEASE = 16 << 20
"""Bytes of an answer of the JSON API, which has the whole description."""

_LARGEST_FILE = 16 << 30
"""The most bytes of a file whose size is unknown."""


T = TypeVar("T")


class PageAnswer:
    """A page as its index has it now; one that is kept on disk is read only when it is needed."""

    def __init__(self, digest: str, load: Callable[[], ProjectPage]) -> None:
        self.digest = digest
        self._load = load
        self._page: Once[ProjectPage] = Once()

    def page(self) -> ProjectPage:
        """It is read once."""
        return self._page.get(None, self._load)


class IndexClient:
    """Asks indexes; safe to share between threads.

    Every failure is an IndexAnswerError with the index, the request and the fault.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        read_timeout: float = READ_TIMEOUT,
        deadline: float = DEADLINE,
        retries: int = RETRIES,
        store: PageStore | None = None,
    ) -> None:
        """`environ` is read for proxies; `read_timeout` is in seconds of silence, `deadline` of a whole answer.

        `store` keeps pages for later commands.
        """
        self._store = store
        self.retries = retries
        self.patience = longest_wait(read_timeout, deadline, retries)
        """Seconds after which an index is given up in any case."""

        self._web = Web(environ, read_timeout=read_timeout, deadline=deadline, retries=retries)
        self._readers = BoundedSemaphore(_READ)
        self._pages: Once[ProjectPage] = Once()
        self._answers: Once[PageAnswer] = Once()
        self._known: Once[StoredPage | None] = Once()
        self._flat = FlatListings()
        self.tree_page: Callable[[IndexLocation, str], ProjectPage] | None = None
        """Makes the page of a source that has to be built; None where only locked files are asked for."""

        self.mirrors = Mirrors()
        """What is known about mirrors that are down."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def project_page(self, location: IndexLocation, package: str) -> ProjectPage:
        """The files of a package on an index; it is asked once, even if it fails.

        A flat index is asked once for all packages.
        """

        def ask() -> ProjectPage:
            return self.mirrors.ask(location, lambda place: self._page_of(place, package))

        return self._pages.get((location, package), ask)

    def page_digest(self, location: IndexLocation, package: str) -> str:
        """The digest of what `project_page` gives; a page that is kept and still as it was is not read for it."""
        return self.mirrors.ask(location, lambda place: self._answer_of(place, package).digest)

    def held_digest(self, location: IndexLocation, package: str) -> str | None:
        """The same if the page is kept and its index need not be asked; None otherwise."""
        if self._store is None or not location.has_pages:
            return None
        stored = self._stored(self._store, page_url(location, package))
        return stored.digest if stored is not None and stored.holds else None

    def _stored(self, store: PageStore, url: str) -> StoredPage | None:
        """What is known of a page that is kept; its file is read once."""
        return self._known.get(url, lambda: store.get(url))

    def listed_file(self, location: IndexLocation, package: str, filename: str) -> IndexFile:
        """A file as its index lists it; IndexAnswerError if it does not."""
        listed = self.project_page(location, package).file(filename)
        if listed is None:
            raise bad_answer(Fault.NOT_FOUND, location, package, filename)
        return listed

    def _page_of(self, place: IndexLocation, package: str) -> ProjectPage:
        """The page at one place."""
        return self._answer_of(place, package).page()

    def _answer_of(self, place: IndexLocation, package: str) -> PageAnswer:
        return self._answers.get((place, package), lambda: self._ask(place, package))

    def _ask(self, location: IndexLocation, package: str) -> PageAnswer:
        if self._store is not None and location.has_pages:
            return self._stored_page(self._store, location, package)
        page = self._page_now(location, package)
        return PageAnswer(page.digest, lambda: page)

    def _page_now(self, location: IndexLocation, package: str) -> ProjectPage:
        if location.tree is not None:
            if self.tree_page is None:
                raise bad_answer(Fault.NOT_FOUND, location, package)
            return self.tree_page(location, package)
        if location.files:
            from envbuild.index.page_parser import page_of

            return page_of(package, location.files)
        if location.folder is not None:
            return self._page_on_disk(location, package)
        if location.is_flat:
            return self._flat.page(location, package, lambda: self._links(location, package))
        return self._parse(location, package, *self._send(location, package))

    def release_json(self, location: IndexLocation, package: str, version: str) -> bytes | None:
        """What an index's JSON API says of a release; None if its address does not tell where that is."""

        def ask(place: IndexLocation) -> bytes | None:
            request = release_request(place, package, version)
            if request is None:
                return None
            with _blaming(place, package, f"{version}/json"):
                return self._web.fetch(request, limit=_LARGEST_RELEASE)[1]

        return self.mirrors.ask(location, ask)

    def metadata_beside(self, location: IndexLocation, package: str, file: IndexFile) -> bytes:
        """The METADATA file beside a wheel (PEP 658); its hash is checked if the page has one."""
        return self._at_mirror(
            location, package, file, lambda place, listed: self._beside(place, package, listed)
        )

    def _beside(self, location: IndexLocation, package: str, file: IndexFile) -> bytes:
        name = f"{file.filename}.metadata"
        with _blaming(location, package, name):
            request = metadata_request(location, file)
            _, content = self._web.fetch(request, limit=_LARGEST_METADATA)
        digest = hashlib.sha256(content).hexdigest()
        check_digest(location, package, name, file.metadata_sha256, digest)
        return content

    @contextmanager
    def open_file(
        self, location: IndexLocation, package: str, file: IndexFile, *, span: str | None = None
    ) -> Generator[Reply]:
        """A file's bytes over HTTP, unread; `span` is the value of a `Range` header.

        No compression was requested: for a wheel it is undone, as resolvers do;
        for a `.tar.gz` some servers declare the file's own compression.
        """
        with ExitStack() as opened:

            def ask(place: IndexLocation, listed: IndexFile) -> Reply:
                return opened.enter_context(self._open(place, package, listed, span))

            yield self._at_mirror(location, package, file, ask)

    def _at_mirror(
        self,
        location: IndexLocation,
        package: str,
        file: IndexFile,
        ask: Callable[[IndexLocation, IndexFile], T],
    ) -> T:
        """The answer of the first place that is up, with the file's address from that place's page."""
        if not location.mirrors:
            return ask(location, file)

        def at(place: IndexLocation) -> T:
            listed = self._page_of(place, package).file(file.filename)
            if listed is None:
                raise bad_answer(Fault.NOT_FOUND, place, package, file.filename)
            if None not in (listed.sha256, file.sha256) and listed.sha256 != file.sha256:
                reason = "its sha256 there differs from that on an earlier mirror"
                raise bad_answer(Fault.CHANGED, place, package, file.filename, reason)
            return ask(place, replace(file, url=listed.url))

        return self.mirrors.ask(location, at)

    @contextmanager
    def _open(
        self, location: IndexLocation, package: str, file: IndexFile, span: str | None
    ) -> Generator[Reply]:
        request = file_request(location, file, span)
        with _blaming(location, package, file.filename), self._web.open(request) as reply:
            reply.limit = _LARGEST_FILE if file.size is None else file.size
            if file.is_wheel:
                reply.undo_compression()
            yield reply

    def file_size(self, location: IndexLocation, package: str, file: IndexFile) -> int | None:
        """A file's size in bytes, or None if its server does not give it.

        Requested with GET, because addresses that are signed for GET refuse HEAD.
        """
        if is_on_disk(location, file):
            with open_on_disk(location, package, file) as stream:
                return os.fstat(stream.fileno()).st_size
        try:
            with self.open_file(location, package, file, span="bytes=0-0") as reply:
                return reply.whole_length
        except IndexAnswerError as error:
            if error.answer.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
        with self.open_file(location, package, file) as reply:  # a server that refuses every range
            return reply.whole_length

    def download(
        self,
        location: IndexLocation,
        package: str,
        file: IndexFile,
        sink: BinaryIO | None = None,
    ) -> tuple[str, int]:
        """Read a whole file in pieces, into `sink` if there is one → its sha256 and its size.

        IndexAnswerError if the page has another sha256, or the file is longer than the page says.
        """
        digest, size = hashlib.sha256(), 0
        for piece in self._pieces(location, package, file):
            digest.update(piece)
            size += len(piece)
            if sink is not None:
                sink.write(piece)
        check_digest(location, package, file.filename, file.sha256, digest.hexdigest())
        return digest.hexdigest(), size

    def _pieces(self, location: IndexLocation, package: str, file: IndexFile) -> Iterator[bytes]:
        if not is_on_disk(location, file):
            with self.open_file(location, package, file) as reply:
                yield from reply.stream()
        else:
            with open_on_disk(location, package, file) as stream:
                while piece := stream.read(CHUNK):
                    yield piece

    def _stored_page(self, store: PageStore, location: IndexLocation, package: str) -> PageAnswer:
        """The page as it was, if it holds or the index confirms it or sends the same; else as it is now."""
        url = page_url(location, package)

        def put(reply: Reply, body: bytes, source: str) -> ProjectPage:
            page = self._parse(location, package, reply, body)
            store.put(url, page, reply.headers, source)
            return page

        def kept(stored: StoredPage) -> ProjectPage:
            page = store.page(url, stored)
            if page is None:
                reply, body = self._send(location, package)
                page = put(reply, body, _digest_of(reply, body))
            return page

        stored = self._stored(store, url)
        if stored is not None and stored.holds:
            return PageAnswer(stored.digest, partial(kept, stored))
        reply, body = self._send(location, package, stored.conditions if stored is not None else ())
        source = _digest_of(reply, body)
        if stored is not None and (
            source == stored.source or reply.status == HTTPStatus.NOT_MODIFIED
        ):
            store.renew(url, stored, reply.headers)
            return PageAnswer(stored.digest, partial(kept, stored))
        page = put(reply, body, source)
        return PageAnswer(page.digest, lambda: page)

    def _send(
        self,
        location: IndexLocation,
        package: str,
        conditions: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Reply, bytes]:
        """What an index answers."""
        request = page_request(location, package, conditions)
        with _blaming(location, package, None):
            return self._web.fetch(request, limit=_LARGEST_PAGE)

    def _parse(
        self, location: IndexLocation, package: str, reply: Reply, body: bytes
    ) -> ProjectPage:
        kind = reply.headers.get("Content-Type", "")
        with self._readers:
            return _parsed(location, package, body.decode(errors="replace"), kind, reply.url)

    def _links(self, location: IndexLocation, package: str) -> Iterable[IndexFile]:
        """Every file that a flat index on the web lists; `package` is the first one that needs it."""
        return self._parse(location, package, *self._send(location, package)).files

    def _page_on_disk(self, location: IndexLocation, package: str) -> ProjectPage:
        if (path := page_on_disk(location, package)) is not None:
            return self._read_page(location, package, path)

        def listed() -> Iterable[IndexFile]:
            if location.folder is not None and location.folder.is_file():
                return self._read_page(location, package, location.folder).files
            return files_in_folder(location, package)

        return self._flat.page(location, package, listed)

    def _read_page(self, location: IndexLocation, package: str, path: Path) -> ProjectPage:
        text = read_page(location, package, path, _LARGEST_PAGE)
        return _parsed(location, package, text, "text/html", path.as_uri())


def _digest_of(reply: Reply, body: bytes) -> str:
    """The digest of what a page says: its type and its address decide how its bytes are read."""
    found = hashlib.sha256(f"{reply.headers.get('Content-Type', '')}\n{reply.url}\n".encode())
    found.update(body)
    return found.hexdigest()


def _parsed(location: IndexLocation, package: str, text: str, kind: str, url: str) -> ProjectPage:
    from envbuild.index.page_parser import parse_page

    with garbage(location, package):
        return parse_page(package, text, kind, url)


@contextmanager
def _blaming(location: IndexLocation, package: str, file: str | None) -> Generator[None]:
    """Say which index it was that gave a bad answer."""
    try:
        yield
    except WebError as error:
        answer = IndexAnswer(
            fault=error.fault,
            location=location,
            package=package,
            file=file,
            host=error.host if error.host != location.place else None,
            status=error.status,
            reason=error.reason,
        )
        raise IndexAnswerError(answer) from error
