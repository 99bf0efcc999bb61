"""git's own smart-http server over TLS on loopback, with a login, a redirect, or silence if a test asks for them."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.http import Handler
from tests.support.https import Secure, certified_context


class _GitHandler(Handler):
    """Passes requests to `git http-backend`, as a web server does (CGI)."""

    server: GitServer

    def do_POST(self) -> None:  # noqa: N802  (the base's way to name them)
        """Answer as a GET, with a body."""
        self.respond()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.silent:
            self.note(0)
            self.server.stopping.wait(60)
            self.close_connection = True
        elif self.server.leads_to:
            self.answer(302, Location=f"{self.server.leads_to}{self.path}")
        elif self.headers.get("Authorization") != self.server.authorization:
            self.answer(401, WWW_Authenticate='Basic realm="git"')
        else:
            head, _, content = self._ask_git(body).partition(b"\r\n\r\n")
            fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            status = next((one[1] for one in fields if one[0] == "Status"), "200")
            told = {name: text for name, text in fields if name == "Content-Type"}
            self.answer(int(status.split()[0]), content, **told)

    def _ask_git(self, body: bytes) -> bytes:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        argv = ("git", "http-backend")
        done = subprocess.run(argv, input=body, env=env, capture_output=True, timeout=60)
        return done.stdout


class GitServer(Secure):
    """The repositories below a folder; `FOLDER/.git` is `ORIGIN/FOLDER/.git`."""

    silent = False
    """Whether it takes requests and says nothing."""

    leads_to = ""
    """Where it leads whoever asks."""

    authorization: str | None = None

    def __init__(self, root: Path, certified: Path) -> None:
        """`certified` has what `certify` made."""
        super().__init__(_GitHandler)
        self.root = root
        self.context = certified_context(certified)

    def lets_in(self, user: str, password: str) -> None:
        """Let in nobody else from now on."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {token}"


def need_http_backend() -> None:
    """Skip where git comes without it."""
    done = subprocess.run(("git", "--exec-path"), capture_output=True, text=True)
    if not Path(done.stdout.strip(), "git-http-backend").exists():
        pytest.skip("NOT TESTED: git comes without git-http-backend here")


def git_variables(**more: str) -> dict[str, str | None]:
    """An environment in which nothing but these variables says what git trusts."""
    names = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {**dict.fromkeys(names), **more}
