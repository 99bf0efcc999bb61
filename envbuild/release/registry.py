"""A release in a repository of an OCI registry (the distribution specification, 1.1)."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

from envbuild.index.answer import Fault
from envbuild.index.web import Request
from envbuild.index.web_faults import WebError
from envbuild.release.oci import MANIFESTS, media_type_of
from envbuild.release.place import PlaceError
from envbuild.release.web_root import AbsentError, fetch, place_faults, read_blob
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from envbuild.index.reply import Reply
    from envbuild.index.web import Web
    from envbuild.release.oci import Descriptor
    from envbuild.release.place import Address, Opener
    from envbuild.release.sessions import UploadSessions

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_MOST_TOKEN = 1 << 20
_LARGE = 8 << 20
"""Bytes; a larger blob is sent so that a broken connection does not begin anew."""

_PIECE = 16 << 20
"""Bytes of one request: docker's registry goes on only behind a request that it has got as a whole."""

_TRIES = 4
_HINT = "no credentials for it are in docker's or podman's configuration files"


class Registry:
    """Reads and writes one tag; safe for several threads."""

    def __init__(
        self,
        address: Address,
        web: Web,
        *,
        secure: bool,
        credentials: Callable[[str, str], tuple[str, str] | None],
        writes: bool = False,
        neighbours: tuple[str, ...] = (),
        sessions: UploadSessions,
    ) -> None:
        """`credentials` gives the user and password for a host and a repository.

        `neighbours` are other repositories of the registry that may have the same blobs;
        `sessions` remembers uploads that have begun.
        """
        scheme = "https" if secure else "http"
        self._address = address
        self._web = web
        self._root = f"{scheme}://{address.host}/v2/{address.repository}"
        self._credentials = credentials
        self._scope = f"repository:{address.repository}:pull{',push' * writes}"
        self._neighbours = tuple(one for one in neighbours if one != address.repository)
        self._sessions = sessions
        self._authorization: str | None = None
        self._guard = threading.Lock()

    def manifest(self, tag: str | None = None) -> bytes | None:
        """As in `Origin` and `Destination`."""
        headers = (("Accept", MANIFESTS), ("Accept-Encoding", "identity"))
        name = quote(tag or self._address.tag, safe=":")
        try:
            return self._ask(Request(url=f"{self._root}/manifests/{name}", headers=headers))[1]
        except AbsentError:
            return None

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """As in `Origin`."""
        url = f"{self._root}/blobs/{blob.digest}"
        return read_blob(self._web, url, blob, start, self._authorize)

    def lacks(self, blob: Descriptor) -> bool:
        """As in `Destination`."""
        try:
            self._reply(Request(url=f"{self._root}/blobs/{blob.digest}", method="HEAD"))
        except AbsentError:
            return True
        return False

    def put(self, blob: Descriptor, opened: Opener) -> None:
        """As in `Destination`: mounted from a neighbour, if one has it, else sent."""
        if blob.size > _LARGE:
            self._put_large(blob, opened)
            return
        session = self._begin(blob)
        if session is not None:
            with opened() as source:
                self._end(session, blob, source.read())

    def finish(self, manifests: tuple[tuple[str | None, bytes], ...]) -> None:
        """As in `Destination`: the tag of the release moves last."""
        for tag, content in manifests:
            self._write(
                Request(
                    url=f"{self._root}/manifests/{quote(tag or self._address.tag, safe=':')}",
                    method="PUT",
                    headers=(
                        ("Content-Type", media_type_of(content)),
                        ("Content-Length", str(len(content))),
                    ),
                    body=lambda content=content: io.BytesIO(content),  # type: ignore[misc]
                )
            )

    def _begin(self, blob: Descriptor) -> str | None:
        """Where to send a blob; None if it was mounted."""
        asked: list[dict[str, str]] = [
            {"mount": blob.digest, "from": neighbour} for neighbour in self._neighbours
        ]
        for query in [*asked, {}]:
            url = f"{self._root}/blobs/uploads/{'?' if query else ''}{urlencode(query)}"
            request = Request(url=url, method="POST", headers=(("Content-Length", "0"),))
            try:
                reply = self._write(request)
            except PlaceError:
                if query:  # a neighbour that this user may not read, or that has gone
                    continue
                raise
            if reply.status == HTTPStatus.CREATED:
                return None
            location = self._location(reply)
            if not query or query == asked[-1]:
                return location
            self._give_up(location)
        raise PlaceError("it returns no location for uploads")

    def _give_up(self, session: str) -> None:
        with suppress(PlaceError, AbsentError):
            self._reply(Request(url=session, method="DELETE"))

    def _put_large(self, blob: Descriptor, opened: Opener) -> None:
        """Send a blob in pieces, and go on where the connection, or an earlier command, broke off.

        A registry that takes no piece gets all of it in one.
        """
        upload, tries, most = f"{self._root} {blob.digest}", _TRIES, _PIECE
        session, start = self._goes_on(self._sessions.find(upload))
        if session is None:
            session = self._begin(blob)
        with opened() as source:
            while session is not None and start < blob.size:
                self._sessions.keep(upload, session)
                length = min(most, blob.size - start)
                try:
                    session = self._send(session, source, start, length)
                    start += length
                except PlaceError:
                    tries -= 1
                    if tries == 0:
                        raise
                    session, start = self._goes_on(session)
                    if session is None:
                        session, most = self._begin(blob), blob.size
        if session is not None:
            self._end(session, blob, b"")
        self._sessions.forget(upload)

    def _goes_on(self, session: str | None) -> tuple[str | None, int]:
        """Where an upload goes on, and how many bytes its registry has; None if it does not know it any more."""
        if session is None or urlsplit(session)[:2] != urlsplit(self._root)[:2]:
            return None, 0
        try:
            reply = self._write(Request(url=session))
            return self._location(reply), _received(reply)
        except PlaceError:
            return None, 0

    def _send(self, session: str, source: BinaryIO, start: int, length: int) -> str:
        """Send a piece of a blob; where the next one goes."""
        headers = (*_sizes(length), ("Content-Range", f"{start}-{start + length - 1}"))
        request = Request(
            url=session,
            method="PATCH",
            headers=headers,
            body=lambda: _piece(source, start, length),
        )
        return self._location(self._write(request))

    def _end(self, session: str, blob: Descriptor, content: bytes) -> None:
        """Say that a blob is whole, with its last bytes."""
        mark = "&" if urlsplit(session).query else "?"
        self._write(
            Request(
                url=f"{session}{mark}{urlencode({'digest': blob.digest})}",
                method="PUT",
                headers=_sizes(len(content)),
                body=lambda: io.BytesIO(content),
            )
        )

    def _location(self, reply: Reply) -> str:
        """Where a session goes on."""
        told = urljoin(reply.url, reply.headers.get("Location", ""))
        if not told.startswith(("http://", "https://")):
            raise PlaceError("it returns no location for uploads")
        return told

    def _write(self, request: Request) -> Reply:
        """The answer to something that is written; PlaceError also if there is no place for it."""
        try:
            return self._reply(request)
        except AbsentError as error:
            raise PlaceError(
                "there is no such repository, or you may not write to it (404)"
            ) from error

    def _reply(self, request: Request) -> Reply:
        """An answer, without its body."""
        return self._ask(request)[0]

    def _ask(self, request: Request) -> tuple[Reply, bytes]:
        """An answer with its body; a second time with credentials, if the registry asks for them."""
        request = replace(request, authorization=self._authorize)
        with place_faults(_HINT):
            try:
                return fetch(self._web, request)
            except WebError as error:
                if error.fault is not Fault.UNAUTHORISED or not self._log_in(error.challenge):
                    raise
            return fetch(self._web, request)

    def _authorize(self, url: str) -> str | None:
        """What says who asks, for the registry itself and nobody else."""
        same = urlsplit(url)[:2] == urlsplit(self._root)[:2]
        return self._authorization if same else None

    def _log_in(self, challenge: str | None) -> bool:
        """Get what the registry wants to see; False if there is nothing new to show."""
        before = self._authorization
        with self._guard:
            if self._authorization != before:  # another thread has got it
                return True
            login = self._credentials(self._address.host, self._address.repository)
            kind, _, rest = (challenge or "").partition(" ")
            if kind.lower() == "bearer":
                self._authorization = self._token(dict(_CHALLENGE.findall(rest)), login)
            elif login is not None:
                self._authorization = _basic(login)
            return self._authorization not in (None, before)

    def _token(self, told: dict[str, str], login: tuple[str, str] | None) -> str | None:
        """A token of the service that the registry names."""
        realm = told.get("realm", "")
        safe = realm.startswith("https://") or urlsplit(realm)[:2] == urlsplit(self._root)[:2]
        if not realm.startswith(("http://", "https://")) or (login is not None and not safe):
            raise PlaceError("it requests credentials at an address without TLS")
        query = {"service": told.get("service", ""), "scope": self._scope}
        mark = "&" if urlsplit(realm).query else "?"

        def authorization(url: str) -> str | None:
            return _basic(login) if login and urlsplit(url)[:2] == urlsplit(realm)[:2] else None

        request = Request(url=f"{realm}{mark}{urlencode(query)}", authorization=authorization)
        _, content = self._web.fetch(request, limit=_MOST_TOKEN)
        try:
            table = json.loads(content)
            token = table.get("token") or table.get("access_token")
        except (ValueError, AttributeError, RecursionError) as error:
            raise PlaceError("its token service returned no token") from error
        return f"Bearer {token}" if isinstance(token, str) and token.isprintable() else None


def _basic(login: tuple[str, str]) -> str:
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode('ascii')}"


def _sizes(size: int) -> tuple[tuple[str, str], ...]:
    return ("Content-Type", "application/octet-stream"), ("Content-Length", str(size))


class _Piece(io.RawIOBase):
    """Some bytes of a stream, which its reader does not close."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        return found


def _piece(source: BinaryIO, start: int, length: int) -> BinaryIO:
    """Some bytes of a blob from a position on."""
    source.seek(start)
    return cast("BinaryIO", _Piece(source, length))


def _received(reply: Reply) -> int:
    """How many bytes a session has; docker's registry says `0-0` of an empty one."""
    last = reply.headers.get("Range", "").rpartition("-")[2]
    number = int(last) if last.isascii() and last.isdecimal() and len(last) < 16 else 0
    return number + 1 if number else 0
