"""Forward proxies on loopback: HTTP (CONNECT and whole addresses) and SOCKS5, with passwords if wanted."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
from urllib.parse import urlsplit

from tests.support.http import LoopbackServer

_HOST_NAME, _IPV4 = 3, 1


class _Proxy(LoopbackServer):
    """A proxy for the length of a `with` block; `seen` are the `host:port` it was asked for."""

    def __init__(self, login: tuple[str, str] | None, handler: type[_Handler]) -> None:
        super().__init__(handler)
        self.login = login
        self.seen: list[str] = []
        self.hosts: dict[str, tuple[str, int]] = {}
        """Names that only the proxy can resolve → where they are."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def find(self, host: str, port: int) -> tuple[str, int]:
        """Where a name is, as this proxy resolves it."""
        return self.hosts.get(host, (host, port))


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30
    server: _Proxy

    def relay(self, other: socket.socket) -> None:
        """Pass bytes on, both ways, until one side ends."""
        pair = {self.connection: other, other: self.connection}
        with contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select(list(pair), [], [], 30)
                if not ready:
                    return
                for side in ready:
                    piece = side.recv(65536)
                    if not piece:
                        return
                    pair[side].sendall(piece)


class HttpProxy(_Proxy):
    """An HTTP proxy: `CONNECT host:port`, and whole addresses."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        super().__init__(login, _HttpHandler)


class _HttpHandler(_Handler):
    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1")
        headers = {}
        while (header := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        method, target, _ = line.split(" ", 2)
        if not self._may_enter(headers):
            self._say("407 Who are you", 'Proxy-Authenticate: Basic realm="proxy"\r\n')
            return
        parts = urlsplit(target if "://" in target else f"//{target}")
        host, port = parts.hostname or "", parts.port or 80
        self.server.seen.append(f"{host}:{port}")
        try:
            other = socket.create_connection(self.server.find(host, port), timeout=30)
        except OSError:
            self._say("502 Nobody there")
            return
        with other:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Go on\r\n\r\n")
            else:
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                kept = {k: v for k, v in headers.items() if not k.startswith("proxy-")}
                kept["connection"] = "close"
                head = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
                other.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
            self.relay(other)

    def _may_enter(self, headers: dict[str, str]) -> bool:
        if self.server.login is None:
            return True
        token = base64.b64encode(":".join(self.server.login).encode()).decode()
        return headers.get("proxy-authorization") == f"Basic {token}"

    def _say(self, status: str, more: str = "") -> None:
        self.wfile.write(
            f"HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )


class SocksProxy(_Proxy):
    """A SOCKS5 proxy (RFC 1928, 1929) that connects, and does no more."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        super().__init__(login, _SocksHandler)


class _SocksHandler(_Handler):
    def handle(self) -> None:
        _, count = self.rfile.read(2)
        methods = self.rfile.read(count)
        if not self._greet(methods):
            return
        _, _, _, kind = self.rfile.read(4)
        if kind == _HOST_NAME:
            host = self.rfile.read(self.rfile.read(1)[0]).decode()
        elif kind == _IPV4:
            host = socket.inet_ntoa(self.rfile.read(4))
        else:
            host = socket.inet_ntop(socket.AF_INET6, self.rfile.read(16))
        port = int.from_bytes(self.rfile.read(2))
        self.server.seen.append(f"{host}:{port}")
        try:
            other = socket.create_connection(self.server.find(host, port), timeout=30)
        except OSError:
            self.wfile.write(b"\x05\x04\x00\x01" + bytes(6))
            return
        with other:
            self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            self.relay(other)

    def _greet(self, methods: bytes) -> bool:
        if self.server.login is None:
            self.wfile.write(b"\x05\x00")
            return True
        if 2 not in methods:
            self.wfile.write(b"\x05\xff")
            return False
        self.wfile.write(b"\x05\x02")
        self.rfile.read(1)
        user = self.rfile.read(self.rfile.read(1)[0]).decode()
        password = self.rfile.read(self.rfile.read(1)[0]).decode()
        right = (user, password) == self.server.login
        self.wfile.write(b"\x01" + (b"\x00" if right else b"\x01"))
        return right
