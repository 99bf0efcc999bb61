"""nginx with a folder of its own: listed by autoindex, over https, for those with a password or a certificate."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.programs import Program, crypted, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NGINX = Program(name="nginx", package="nginx-light", asks_version="-v")

_CONFIGURATION = """\
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    default_type application/octet-stream;
    types {{ text/html html; application/vnd.pypi.simple.v1+json v1_json; }}
    log_format seen '$remote_addr|$status|$http_user_agent|$request';
    access_log {folder}/access.log seen;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port}{tls};
        {more}
        location / {{
            root {root};
            autoindex on;
        }}
    }}
}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """How nginx receives its clients."""

    host: str = "127.0.0.1"
    name: str = "127.0.0.1"
    """The host's name in its address."""

    certificate: Path | None = None
    """Its certificate with the key, where it speaks https."""

    client_authority: Path | None = None
    """Who certifies the clients that it lets in; without, all are let in."""

    login: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One line of the access log."""

    address: str
    status: int
    agent: str
    """`envbuild` or `uv`."""

    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Nginx:
    """A running nginx."""

    origin: str
    port: int
    log: Path = field(repr=False)

    def seen(self) -> list[Seen]:
        """Every request so far, but those of the test's own knocking at the port."""
        lines = (line.split("|", 3) for line in self.log.read_text().splitlines())
        return [
            Seen(
                address=address,
                status=int(status),
                agent=re.split(r"[/ ]", agent)[0],
                path=request.split(" ")[1],
            )
            for address, status, agent, request in lines
            if " " in request
        ]


@contextlib.contextmanager
def run_nginx(folder: Path, root: Path, front: Front | None = None) -> Iterator[Nginx]:
    """Serve a folder, with the names of its files where one asks for a folder's own address."""
    program, front = NGINX.find(), front or Front()
    port = free_port(front.host)
    more = []
    if front.certificate is not None:
        more += [
            f"ssl_certificate {front.certificate};",
            f"ssl_certificate_key {front.certificate};",
        ]
    if front.client_authority is not None:
        more += [f"ssl_client_certificate {front.client_authority};", "ssl_verify_client on;"]
    if front.login is not None:
        user, password = front.login
        (folder / "htpasswd").write_text(f"{user}:{crypted(password)}\n")
        more += ['auth_basic "index";', f"auth_basic_user_file {folder}/htpasswd;"]
    file = folder / "nginx.conf"
    file.write_text(
        _CONFIGURATION.format(
            user=folder.owner(),
            folder=folder,
            host=front.host,
            port=port,
            tls=" ssl" if front.certificate else "",
            more="\n        ".join(more),
            root=root,
        )
    )
    scheme = "https" if front.certificate else "http"
    argv = (program, "-e", f"{folder}/error.log", "-p", f"{folder}/", "-c", file)
    with serving(argv, folder, (front.host, port), log="nginx.log"):
        yield Nginx(origin=f"{scheme}://{front.name}:{port}", port=port, log=folder / "access.log")
