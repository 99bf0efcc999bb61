"""An index over https on loopback, with a certificate of its own, and a proxy that leads to it."""

from __future__ import annotations

import posixpath
import select
import shutil
import socket
import ssl
import subprocess
import urllib.request
from functools import cache
from typing import TYPE_CHECKING

from tests.support.http import Handler, LoopbackServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_EXTENSIONS = "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"


@cache
def can_certify() -> bool:
    """Whether a certificate can be made here."""
    return shutil.which("openssl") is not None


def certify(folder: Path) -> Path:
    """Make an authority and a certificate for 127.0.0.1 in a folder → what `$SSL_CERT_FILE` names."""
    (folder / "extensions").write_text(_EXTENSIONS)
    authority = ("-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests")
    request = (*_KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
    for words in (
        ("req", *authority),
        ("req", *request),
        ("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem"),
    ):
        subprocess.run(("openssl", *words), cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem"


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


class HttpsIndex(LoopbackServer):
    """An index server over TLS that leads to `target` whoever asks for a path with a certain end."""

    target = ""

    def __init__(
        self, index: IndexServer, certified: Path, *, leads: str = " ", path: str = "/simple"
    ) -> None:
        """`path` is where it has the index's pages."""
        super().__init__(_Front)
        self.path = path
        self.index = index
        self.leads = leads
        self.connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified / "server.pem", certified / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """The index's address."""
        return f"{self.origin.replace('http:', 'https:')}{self.path}"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Count who comes."""
        found = super().get_request()
        self.connections += 1
        return found


class _Tunnel(Handler):
    """Connects to where a client wants to go."""

    def do_CONNECT(self) -> None:  # noqa: N802  (the base's way to name them)
        self.note(200)
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as there:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: there, there: self.connection}
            while not self.server.stopping.is_set():
                for ready in select.select(list(ends), [], [], 0.2)[0]:
                    said = ready.recv(1 << 16)
                    if not said:
                        self.close_connection = True
                        return
                    ends[ready].sendall(said)

    def respond(self) -> None:
        self.answer(502)


class TunnelProxy(LoopbackServer):
    """A proxy for https."""

    def __init__(self) -> None:
        super().__init__(_Tunnel)
