"""A threaded HTTP server on loopback that is bounded in time and ends without loose ends."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import socketserver
    from types import TracebackType

LIFETIME = 300.0
"""Seconds after which a server stops by itself, whatever became of its test."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request that a server has answered, or begun to."""

    method: str
    path: str
    """The path with its query, as it came over the wire."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """The request's headers, names in lower case."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps connections open, says nothing to stderr, notes what was asked."""

    disable_nagle_algorithm = True
    """Else a body waits until the client has confirmed its head, some 40 ms."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    server: LoopbackServer  # the base class says less

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a test reads `requests` instead."""

    def do_GET(self) -> None:
        """Answer as the subclass says."""
        self.respond()

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.respond()

    def respond(self) -> None:
        """Answer one request; `answer` leaves out the body of a HEAD."""
        raise NotImplementedError

    def note(self, status: int) -> None:
        """Put the request into the server's log."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(method=self.command, path=self.path, status=status, headers=headers)
        self.server.requests.append(asked)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer; header names are written with `_` for `-`."""
        self.note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class LoopbackServer(http.server.ThreadingHTTPServer):
    """A server for the length of a `with` block, on a port that the system chooses; its protocol is the handler's."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, handler: type[socketserver.BaseRequestHandler], *, lifetime: float = LIFETIME
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.requests: list[Asked] = []
        self.stopping = threading.Event()
        """Set when the server ends: handlers that wait wait on this."""
        self._open: set[socket.socket] = set()
        self.guard = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._timer = threading.Timer(lifetime, self._expire)
        self._timer.daemon = True

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`, without a final slash."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._timer.cancel()
        self._expire()
        self._thread.join(5)
        self.server_close()
        with self.guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _expire(self) -> None:
        self.stopping.set()
        self.shutdown()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can cut it."""
        with self.guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self.guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up: tests make them do so."""
