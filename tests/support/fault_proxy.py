"""A reverse proxy in front of an index, which does to chosen requests what bad networks do."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from tests.support.http import Handler, LoopbackServer

_FORWARDED = ("Accept", "Authorization", "Range", "If-None-Match", "User-Agent")
_RETURNED = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Encoding",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Location",
    "WWW-Authenticate",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the index behind the proxy said."""

    status: int
    headers: dict[str, str]
    body: bytes


class Fault(Protocol):
    """What happens to a request instead of its answer."""

    def strike(self, handler: ProxyHandler) -> None:
        """Answer, or fail to; `handler.fetch()` asks the index behind."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Answer with this status and never ask the index."""

    code: int

    def strike(self, handler: ProxyHandler) -> None:
        """Answer; a 401 asks for basic authentication."""
        more = {"WWW_Authenticate": 'Basic realm="index"'} if self.code == 401 else {}
        handler.answer(self.code, f"injected {self.code}\n".encode(), **more)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hang:
    """Say nothing for a while, then hang up; ends early when the proxy stops."""

    seconds: float = 60.0

    def strike(self, handler: ProxyHandler) -> None:
        """Wait; the log shows status 0."""
        handler.note(0)
        handler.server.stopping.wait(self.seconds)
        handler.close_connection = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Trickle:
    """Answer fully, a few bytes at a time."""

    pause: float = 0.2
    """Seconds before each piece."""

    piece: int = 64
    """Bytes in a piece."""

    def strike(self, handler: ProxyHandler) -> None:
        """Send pieces until all is said or the proxy stops."""
        reply = handler.fetch()
        handler.begin(reply)
        for start in range(0, len(reply.body), self.piece):
            if handler.server.stopping.wait(self.pause):
                break
            handler.send(reply.body[start : start + self.piece])


@dataclass(frozen=True, kw_only=True, slots=True)
class Truncate:
    """Promise the whole length, send the first bytes, hang up."""

    after: int = 100

    def strike(self, handler: ProxyHandler) -> None:
        """Send the head with an honest Content-Length, and too little."""
        reply = handler.fetch()
        handler.begin(reply)
        handler.send(reply.body[: self.after])
        handler.close_connection = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset:
    """Reset the connection (RST), with `after` None before a word is said."""

    after: int | None = None
    """Bytes of the body to send first."""

    def strike(self, handler: ProxyHandler) -> None:
        """Close with nothing left to linger for, which is what sends RST."""
        if self.after is None:
            handler.note(0)
        else:
            reply = handler.fetch()
            handler.begin(reply)
            handler.send(reply.body[: self.after])
        handler.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.close_connection = True
        handler.reset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Send a body of the same length with one byte changed."""

    at: int | None = None
    """Which byte; None is the middle one."""

    def strike(self, handler: ProxyHandler) -> None:
        """Flip every bit of the byte; an empty body stays."""
        reply = handler.fetch()
        body = bytearray(reply.body)
        if body:
            body[len(body) // 2 if self.at is None else self.at] ^= 0xFF
        handler.begin(reply)
        handler.send(bytes(body))


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirect:
    """Send the client elsewhere; by default back to where it is, without end."""

    to: str | None = None
    """An address, or None for the same path again."""

    def strike(self, handler: ProxyHandler) -> None:
        """Answer 302."""
        handler.answer(302, Location=self.to or handler.path)


@dataclass(kw_only=True, slots=True)
class Injected:
    """A fault in place."""

    pattern: re.Pattern[str]
    fault: Fault
    times: int | None
    """How many more requests it strikes; None strikes all."""

    hits: int = 0
    """How many it has struck."""


class FaultProxy(LoopbackServer):
    """`with FaultProxy(index.url) as proxy:` serves the index at `proxy.url`, faults included.

    Pages that name their files by absolute addresses lead around the proxy.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(ProxyHandler)
        self._upstream = urlsplit(upstream)
        self._injected: list[Injected] = []

    @property
    def url(self) -> str:
        """The index's address through the proxy."""
        return self.origin + self._upstream.path

    @property
    def upstream(self) -> tuple[str, int]:
        """Host and port of the index behind."""
        return self._upstream.hostname or "127.0.0.1", self._upstream.port or 80

    def inject(self, pattern: str, fault: Fault, *, times: int | None = None) -> Injected:
        """Strike requests whose path holds the regular expression; the newest fault goes first."""
        injected = Injected(pattern=re.compile(pattern), fault=fault, times=times)
        self._injected.insert(0, injected)
        return injected

    def clear(self) -> None:
        """Take every fault away."""
        self._injected.clear()

    def count(self, pattern: str = "") -> int:
        """How many requests had a path that holds the regular expression."""
        return sum(re.search(pattern, asked.path) is not None for asked in tuple(self.requests))

    def take(self, path: str) -> Fault | None:
        """Return the fault that strikes this path now, and count it."""
        with self.guard:
            for injected in self._injected:
                if injected.times != 0 and injected.pattern.search(path):
                    injected.hits += 1
                    injected.times = None if injected.times is None else injected.times - 1
                    return injected.fault
        return None


class ProxyHandler(Handler):
    """One connection to the proxy."""

    server: FaultProxy

    def respond(self) -> None:
        """Strike, or pass on."""
        fault = self.server.take(self.path)
        if fault is not None:
            fault.strike(self)
            return
        reply = self.fetch()
        self.begin(reply)
        self.send(reply.body)

    def fetch(self) -> Reply:
        """Ask the index behind."""
        headers = {name: self.headers[name] for name in _FORWARDED if name in self.headers}
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, headers=headers)
            response = connection.getresponse()
            returned = {k: v for k in _RETURNED if (v := response.getheader(k)) is not None}
            length = response.getheader("Content-Length")
            body = response.read()
        returned["Content-Length"] = length or str(len(body))
        return Reply(status=response.status, headers=returned, body=body)

    def begin(self, reply: Reply) -> None:
        """Send the status and the headers, which promise the whole body."""
        self.note(reply.status)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, body: bytes) -> None:
        """Send these bytes of the body, unless only the head was asked for."""
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        """Close the connection's files and the connection itself, with no goodbye."""
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
