"""docker's registry and nginx on loopback, and a proxy before the registry that counts and breaks."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.http import Handler, LoopbackServer
from tests.support.programs import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ASKED = "ENVBUILD_FLEET" in os.environ
"""Whether the session `fleet` runs: these tests take minutes."""

LIFETIME = 280.0
"""Seconds after which a registry is ended, whatever became of its test."""


def need(program: str) -> str:
    """The path of a program; without it the test is skipped."""
    if not ASKED:
        pytest.skip("NOT TESTED: the session `fleet` runs this")
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"NOT TESTED: this machine has no {program}")
    return found


def login_line(user: str, password: str) -> str:
    """A line of a htpasswd file."""
    done = subprocess.run(
        (need("htpasswd"), "-Bbn", user, password), capture_output=True, text=True, check=True
    )
    return done.stdout


@contextmanager
def docker_registry(folder: Path, *, login: str = "") -> Iterator[str]:
    """Its `127.0.0.1:PORT`; `login` is a line of a htpasswd file with a bcrypt digest."""
    program, port = need("docker-registry"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = (
        f"version: 0.1\nlog: {{level: error}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    if login:
        (folder / "htpasswd").write_text(login)
        config += f"auth: {{htpasswd: {{realm: fleet, path: {folder}/htpasswd}}}}\n"
    (folder / "config.yml").write_text(config)
    argv = ("timeout", str(LIFETIME), program, "serve", str(folder / "config.yml"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int) -> None:
    """Wait until somebody listens on a port."""
    for _ in range(200):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server does not listen")


@contextmanager
def static_root(folder: Path) -> Iterator[str]:
    """The URL of nginx before a folder."""
    port = free_port()
    config = folder.parent / "nginx.conf"
    own = folder.parent / "nginx"
    own.mkdir(exist_ok=True)
    paths = " ".join(
        f"{name}_temp_path {own}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {own}/pid; error_log {own}/error.log; worker_processes 1; user root;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    argv = ("timeout", "120", need("nginx"), "-c", str(config), "-e", f"{own}/error.log")
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Between(LoopbackServer):
    """A proxy before a registry: it counts requests and bytes, and lets `fault` spoil an answer."""

    def __init__(self, behind: str) -> None:
        super().__init__(_Relay)
        self.behind = behind
        self.sent = 0
        """Bytes of bodies that went to clients."""

        self.received = 0
        """Bytes of bodies that came from clients."""

        self.fault: Callable[[str, str], str | None] | None = None
        """Method and path → how to spoil this request, or None."""

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`."""
        return self.origin.removeprefix("http://")

    def reset(self) -> None:
        """Count from now on."""
        self.sent = self.received = 0
        self.requests.clear()


class _Relay(Handler):
    server: Between

    def do_POST(self) -> None:  # noqa: N802  (the base's name)
        """Relay."""
        self.respond()

    def do_PUT(self) -> None:  # noqa: N802  (the base's name)
        """Relay."""
        self.respond()

    def do_PATCH(self) -> None:  # noqa: N802  (the base's name)
        """Relay."""
        self.respond()

    def do_DELETE(self) -> None:  # noqa: N802  (the base's name)
        """Relay."""
        self.respond()

    def respond(self) -> None:
        """Spoil the request, or let the registry answer it."""
        spoilt = self.server.fault(self.command, self.path) if self.server.fault else None
        if spoilt is not None and spoilt.isdecimal():
            self._drain()
            self.answer(int(spoilt), b"spoilt", Connection="close")
        elif spoilt == "hang":
            self.server.stopping.wait(20)
            self.close_connection = True
        elif spoilt == "redirect":
            self.answer(302, Location=self.path)
        elif spoilt is not None and spoilt.startswith("to "):
            self.answer(307, Location=spoilt.removeprefix("to "))
        elif spoilt == "hang up":
            self.close_connection = True
        else:
            self._relay(spoilt)

    def _drain(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.received += len(body)
        return body

    def _relay(self, spoilt: str | None) -> None:
        body = self._drain()
        behind = http.client.HTTPConnection(self.server.behind, timeout=30)
        try:
            headers = dict(self.headers.items()) | {"Host": self.headers["Host"]}
            behind.request(self.command, self.path, body or None, headers)
            answer = behind.getresponse()
            content = answer.read()
        finally:
            behind.close()
        length = answer.headers.get("Content-Length", str(len(content)))
        if spoilt == "flip" and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        if spoilt in ("cut", "cut off") and content:
            content = content[: (len(content) + 1) // 2]
        self.note(answer.status)
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date"):
                self.send_header(name, text)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.server.sent += len(content)
        if spoilt in ("cut", "cut off"):
            self.close_connection = True
