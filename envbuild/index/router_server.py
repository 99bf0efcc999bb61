"""The HTTP side of the index router: paths in, pages and streamed files out."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote, urlsplit

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.page import JSON
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from envbuild.index.answer import IndexAnswer

FIRST_PORT, PORTS = 20_000, 12_000
"""Below the ports that Linux uses for outgoing connections."""

_FAILED_BEHIND = 424
"""The status for a bad answer of an index: uv stops at once, and would retry a 5xx."""

_YEAR = 365 * 24 * 3600
_LONGEST_COMMAND = 24 * 3600
"""Seconds after which a client asks again within one command."""

_METADATA = "application/octet-stream"
_IDLE = 300.0
"""Seconds after which a silent connection is closed: longer than uv keeps one."""


@value
class Served:
    """A page or METADATA, which every client of one command gets alike."""

    etag: str
    body: str | bytes
    """A text is in ASCII."""

    lifetime: float = 0.0
    """Seconds for which a client need not ask again, in a later command either; 0 for this command alone."""


class Content(Protocol):
    """A file's bytes, as a stream."""

    status: int
    headers: Mapping[str, str]
    """Names as in HTTP."""

    def stream(self) -> Iterator[bytes]:
        """The bytes, a bounded piece at a time."""
        ...


class Routes(Protocol):
    """The router, as the server sees it; each method raises IndexAnswerError."""

    def admits(self, secret: str) -> bool:
        """Whether a request knows the address."""
        ...

    def page(self, package: str) -> Served:
        """The package's page."""
        ...

    def metadata(self, package: str, filename: str, known: str | None) -> Served:
        """The METADATA of a wheel; without its text if the client has it by its `known` ETag."""
        ...

    def content(
        self, package: str, filename: str, span: str | None
    ) -> AbstractContextManager[Content]:
        """A file, or a span of it as a `Range` header names it."""
        ...

    def passed(self, package: str, size: int) -> None:
        """So many bytes of a package's file have gone to a client."""
        ...

    def note(self, answer: IndexAnswer) -> None:
        """Keep a bad answer for the diagnosis."""
        ...


class RouterServer(ThreadingHTTPServer):
    """Listens on loopback, each connection in a thread that does not outlive the process."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, routes: Routes, port: int) -> None:
        self.routes = routes
        super().__init__(("127.0.0.1", port), _Handler)

    def __enter__(self) -> Self:
        """Answer, in a thread, until the `with` block ends."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up; every other error is a bug and shows its traceback."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def listen(routes: Routes, port: int) -> RouterServer:
    """Listen on the port, or on any port if another program has it."""
    with suppress(OSError):
        return RouterServer(routes, port)
    return RouterServer(routes, 0)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    disable_nagle_algorithm = True
    """Else a body waits until the client has confirmed its head, some 40 ms."""

    server: RouterServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing: stderr is for the user."""

    def do_GET(self) -> None:
        """Answer with a body.

        If an index fails within a file, this connection is cut too:
        the client notices, because the length was announced.
        """
        self._begun = False
        try:
            self._respond()
        except IndexAnswerError as error:
            self.server.routes.note(error.answer)
            if self._begun:
                self.close_connection = True
            else:
                self._send(_status_for(error.answer))

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def _respond(self) -> None:
        _, secret, kind, *rest = (*unquote(urlsplit(self.path).path).split("/"), "", "")
        routes = self.server.routes
        if not routes.admits(secret) or not rest[0]:
            self._send(404)
        elif kind == "simple":
            self._give(routes.page(rest[0]), JSON)
        elif kind == "files" and rest[1].endswith(".metadata"):
            known = self.headers.get("If-None-Match")
            self._give(
                routes.metadata(rest[0], rest[1].removesuffix(".metadata"), known), _METADATA
            )
        elif kind == "files":
            self._file(rest[0], rest[1])
        else:
            self._send(404)

    def _give(self, served: Served, kind: str) -> None:
        """All of it, unless the client has it."""
        holds = min(served.lifetime, _YEAR) or _LONGEST_COMMAND
        headers = {"ETag": served.etag, "Cache-Control": f"public, max-age={holds:.0f}"}
        if not served.lifetime:
            headers["Vary"] = "Authorization"  # which differs in every command
        if self.headers.get("If-None-Match") == served.etag:
            self._send(304, headers=headers)
        else:
            body = served.body.encode() if isinstance(served.body, str) else served.body
            self._send(200, body, kind, headers=headers)

    def _file(self, package: str, filename: str) -> None:
        """The file, or the requested range; only one piece is in memory at a time."""
        is_head = self.command == "HEAD"
        span = "bytes=0-0" if is_head else self.headers.get("Range")
        with self.server.routes.content(package, filename, span) as content:
            self.send_response(200 if is_head else content.status)
            headers = _head_headers(content) if is_head else _body_headers(content)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            have = 0
            for piece in () if is_head else content.stream():
                self.wfile.write(piece)
                have += len(piece)
                self.server.routes.passed(package, have)

    def end_headers(self) -> None:
        """Note that the answer has begun, so that no other can be sent."""
        self._begun = True
        super().end_headers()

    def _send(
        self,
        status: int,
        body: bytes = b"",
        kind: str = "text/plain",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {"Cache-Control": "no-cache"}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _status_for(answer: IndexAnswer) -> int:
    """The status for a bad answer, at which the client stops."""
    return 404 if answer.fault is Fault.NOT_FOUND else _FAILED_BEHIND


def _body_headers(content: Content) -> dict[str, str]:
    known = ("Content-Type", "Content-Length", "Content-Range")
    headers = {name: content.headers[name] for name in known if name in content.headers}
    return headers if "Content-Length" in headers else {**headers, "Connection": "close"}


def _head_headers(content: Content) -> dict[str, str]:
    """The whole file's length, and whether spans can be had, as its first byte's answer tells."""
    if content.status != 206:
        return _body_headers(content)
    size = content.headers.get("Content-Range", "").rpartition("/")[2]
    return {"Content-Length": size, "Accept-Ranges": "bytes"} if size.isdecimal() else {}
