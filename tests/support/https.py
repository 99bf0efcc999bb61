"""Servers over TLS on loopback, with an authority of their own, and an index over https."""

from __future__ import annotations

import contextlib
import posixpath
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any

import trustme

from tests.support.http import Handler, LoopbackServer

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from tests.support.index_server import IndexServer


class Secure(LoopbackServer):
    """A server over TLS, which shakes hands in each connection's own thread."""

    context: ssl.SSLContext

    @property
    def origin(self) -> str:
        """`https://127.0.0.1:PORT`, without a final slash."""
        return super().origin.replace("http:", "https:", 1)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then answer."""
        secure = self.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(secure, client_address)
        finally:
            with contextlib.suppress(OSError):
                secure.close()


def certify(folder: Path, host: str = "127.0.0.1") -> Path:
    """Make an authority and a certificate for a host in a folder → what `$SSL_CERT_FILE` names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert(host)
    own.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "ca.pem"


def certified_context(folder: Path) -> ssl.SSLContext:
    """What a server shows that `certify` has made a certificate for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


class _Front(Handler):
    """Passes on what an index says, or leads elsewhere."""

    server: HttpsIndex

    def respond(self) -> None:
        if self.path.endswith(self.server.leads):
            self.answer(302, Location=self.server.target + self.path)
            return
        accept = {"Accept": self.headers.get("Accept", "*/*")}
        path = self.path.replace(f"{self.server.path}/", "/simple/").replace(
            f"{posixpath.dirname(self.server.path)}/files/", "/files/"
        )
        request = urllib.request.Request(self.server.index.origin + path, headers=accept)
        with urllib.request.urlopen(request, timeout=10) as said:
            self.answer(200, said.read(), Content_Type=said.headers["Content-Type"])


class HttpsIndex(Secure):
    """An index server over TLS that leads to `target` whoever asks for a path with a certain end."""

    target = ""

    def __init__(
        self, index: IndexServer, certified: Path, *, leads: str = " ", path: str = "/simple"
    ) -> None:
        """`path` is where it has the index's pages."""
        super().__init__(_Front)
        self.context = certified_context(certified)
        self.path = path
        self.index = index
        self.leads = leads
        self.connections = 0

    @property
    def url(self) -> str:
        """The index's address."""
        return f"{self.origin}{self.path}"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Count who comes."""
        found = super().get_request()
        self.connections += 1
        return found
