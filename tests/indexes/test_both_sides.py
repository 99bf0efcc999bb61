"""What networks do, met on the default index and on a bound one.

A case is right when both sides write the same lockfile and build it, or end with the same exit code and the same words.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import re
import shutil
import socket
import ssl
import stat
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
import trustme

from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Change, FaultProxy, Hang, Reset, Status, Truncate
from tests.support.index_server import IndexServer, Offer
from tests.support.proxies import HttpProxy, SocksProxy
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.fault_proxy import Fault, ProxyHandler
    from tests.support.http import LoopbackServer

INDEX = 4
SIDES = ("default", "bound")
BOUND = ("bound",)
TOP = command_wheel("top", "1.0", requires=("base",))
BASE = Wheel(name="base", version="1.0")
LOGIN = ("kim", "p@ss:w/rd%")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A status with headers of its own."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()

    def strike(self, handler: ProxyHandler) -> None:
        """Answer with it and never ask the index."""
        handler.answer(self.code, b"injected\n", **dict(self.headers))


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """429 with a date in `Retry-After`, a second ahead."""

    def strike(self, handler: ProxyHandler) -> None:
        """Answer with it."""
        when = email.utils.formatdate(time.time() + 1, usegmt=True)
        handler.answer(429, b"later\n", Retry_After=when)


@dataclass(kw_only=True, slots=True)
class World:
    """What a case has to play with."""

    index: IndexServer
    faults: FaultProxy
    home: Path
    folder: Path
    env: dict[str, str | None] = field(default_factory=dict)
    url: str = ""
    """Where the index is said to be."""

    form: str = ""
    """What form the index is said to have."""

    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    stranger: LoopbackServer | None = None
    """Who is to be asked, and must not be told who we are."""

    def inject(self, pattern: str, fault: Fault, times: int | None = 1) -> None:
        """Strike requests between envbuild and the index."""
        self.faults.inject(pattern, fault, times=times)

    def write_netrc(self, *lines: str, mode: int = 0o600) -> None:
        """A `.netrc` in the home folder."""
        file = self.home / ".netrc"
        file.write_text("".join(f"{line}\n" for line in lines))
        file.chmod(mode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One thing that a network does."""

    name: str
    prepare: Callable[[World], None]
    words: str | None = None
    """A regular expression of what both sides say, with exit 4; None where it works."""

    sides: tuple[str, ...] = SIDES
    """Where this is so; the page of a bound package leads nowhere else."""

    def __str__(self) -> str:
        """The name in the test's id."""
        return self.name


def _retried(name: str, pattern: str, fault: Fault, times: int = 1) -> Case:
    return Case(name=name, prepare=lambda world: world.inject(pattern, fault, times))


def _failed(name: str, pattern: str, fault: Fault, words: str, **env: str) -> Case:
    def prepare(world: World) -> None:
        world.env |= env
        world.inject(pattern, fault, None)

    return Case(name=name, prepare=prepare, words=words)


PAGE, METADATA, FILE = r"/simple/base/", r"base.*\.metadata$", r"base.*\.whl$"
SOON = (("Retry_After", "1"),)
IMPATIENT = {"ENVBUILD_HTTP_RETRIES": "0"}

RETRIES = (
    _retried("page 429, Retry-After in seconds", PAGE, Answer(code=429, headers=SOON)),
    _retried("page 429, Retry-After as a date", PAGE, Later()),
    _retried("page 503, Retry-After", PAGE, Answer(code=503, headers=SOON)),
    _retried("page 502, twice", PAGE, Status(code=502), 2),
    _retried("page 504", PAGE, Status(code=504)),
    _retried("page reset", PAGE, Reset()),
    _retried("page broken off", PAGE, Truncate(after=10)),
    _retried("metadata 503", METADATA, Status(code=503)),
    _retried("file 429, Retry-After", FILE, Answer(code=429, headers=SOON)),
    _retried("file 502", FILE, Status(code=502)),
    _retried("file reset", FILE, Reset(after=50)),
    _retried("file broken off", FILE, Truncate(after=50)),
    _failed(
        "page 503, no retries",
        PAGE,
        Status(code=503),
        "503 Service Unavailable",
        **IMPATIENT,
    ),
    _failed("page 429 for ever", PAGE, Status(code=429), "429 Too Many Requests"),
    _retried("page silent", PAGE, Hang()),
    _failed("page silent for ever", PAGE, Hang(), "did not answer in time", **IMPATIENT),
    _failed("file silent for ever", FILE, Hang(), "did not answer in time", **IMPATIENT),
)


def _login(world: World) -> None:
    world.index.offer = Offer(login=LOGIN)


def _netrc(world: World) -> None:
    _login(world)
    user, password = LOGIN
    world.write_netrc(f"machine 127.0.0.1 login {user} password {password}")


def _user_in_url(world: World) -> None:
    _login(world)
    user, password = LOGIN
    world.url = world.url.replace("://", f"://{user}@")
    world.write_netrc(f"machine 127.0.0.1 login {user} password {password}")


def _keyring(world: World) -> None:
    _login(world)
    folder = world.folder / "bin"
    folder.mkdir()
    program = folder / "keyring"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$PYTHON_KEYRING_BACKEND" = ours ] || exit 1\n'
        f'[ "$1" = get ] || exit 1\n[ "$3" = {LOGIN[0]} ] || exit 1\nprintf "%s\\n" \'{LOGIN[1]}\'\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    world.url = world.url.replace("://", f"://{LOGIN[0]}@")
    world.env |= {"ENVBUILD_KEYRING": "subprocess", "PATH+": str(folder)}
    world.env["PYTHON_KEYRING_BACKEND"] = "ours"


def _another(world: World, *, login: bool) -> str:
    """An index on another host, which wants a password or must not hear one → its origin."""
    other = world.stack.enter_context(
        IndexServer([TOP, BASE], Offer(login=LOGIN if login else None))
    )
    world.stranger = None if login else other
    return f"http://localhost:{urlsplit(other.url).port}"


def _known_at(world: World, *hosts: str) -> None:
    user, password = LOGIN
    world.write_netrc(*(f"machine {host} login {user} password {password}" for host in hosts))


def _files_elsewhere(world: World, *, linked: bool, login: bool) -> None:
    """Files lie on another host: pages have links to there, or the index redirects there."""
    origin = _another(world, login=login)
    _login(world)
    _known_at(world, "127.0.0.1", *(("localhost",) if login else ()))
    if linked:
        world.inject(r"/simple/", _Linked(origin), None)
    else:
        world.inject(r"/files/", _Elsewhere(origin), None)


def _page_elsewhere(world: World, *, login: bool) -> None:
    """The index redirects to another host's pages."""
    world.inject(r"/simple/", _Elsewhere(_another(world, login=login)), None)
    _known_at(world, "localhost" if login else "127.0.0.1")


def _url_of_another_port(world: World) -> None:
    """Who is in the URL is meant for its port alone."""
    other = world.stack.enter_context(IndexServer([TOP, BASE]))
    world.stranger = other
    _login(world)
    world.inject(r"/files/", _Elsewhere(other.origin), None)
    user, password = (quote(part, safe="") for part in LOGIN)
    world.url = world.url.replace("://", f"://{user}:{password}@")


def _netrc_of_all_others(world: World) -> None:
    """netrc's `default` is for indexes alone, not for where they lead."""
    _login(world)
    world.inject(r"/simple/", _Linked(_another(world, login=True)), None)
    user, password = LOGIN
    world.write_netrc(f"default login {user} password {password}")


def _netrc_of_another(world: World) -> None:
    """netrc knows another host than the index."""
    _login(world)
    _known_at(world, "localhost", "0.0.0.1")
    world.stranger = world.index


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    origin: str

    def strike(self, handler: ProxyHandler) -> None:
        """Lead to the same path of another host."""
        handler.answer(302, Location=self.origin + handler.path)


@dataclass(frozen=True, slots=True)
class _Linked:
    origin: str

    def strike(self, handler: ProxyHandler) -> None:
        """Give the page with its links to another host."""
        reply = handler.fetch()
        body = reply.body.replace(b"../../files", f"{self.origin}/files".encode())
        kind = {"Content_Type": reply.headers["Content-Type"]} if reply.status == 200 else {}
        who = {"WWW_Authenticate": 'Basic realm="index"'} if reply.status == 401 else {}
        handler.answer(reply.status, body, **kind, **who)


IDENTITY = (
    Case(name="password in netrc", prepare=_netrc),
    Case(name="user in the URL, password in netrc", prepare=_user_in_url),
    Case(name="user in the URL, password in keyring", prepare=_keyring),
    *(
        Case(
            name=f"files {how} elsewhere, {'netrc knows it' if login else 'no password for it'}",
            prepare=partial(_files_elsewhere, linked=how == "linked", login=login),
        )
        for how in ("linked", "redirected")
        for login in (True, False)
    ),
    Case(
        name="page redirected elsewhere, netrc knows it",
        prepare=partial(_page_elsewhere, login=True),
        sides=("default",),
    ),
    Case(
        name="page redirected elsewhere, no password for it",
        prepare=partial(_page_elsewhere, login=False),
        sides=("default",),
    ),
    Case(
        name="page of a bound package redirected elsewhere",
        prepare=partial(_page_elsewhere, login=True),
        words=r"leads away .* it redirects to localhost:",
        sides=BOUND,
    ),
    Case(
        name="files redirected to this host's disk",
        prepare=lambda world: world.inject(r"/files/", _Elsewhere("file:///etc"), None),
        words="it leads to a file address",
    ),
    Case(name="password in the URL, files at another port", prepare=_url_of_another_port),
    Case(
        name="netrc of another host", prepare=_netrc_of_another, words=r"asks who you are \(401\)"
    ),
    Case(
        name="netrc that cannot be parsed",
        prepare=lambda world: world.write_netrc("machine 127.0.0.1", "passwort x"),
        words=r"\.netrc:\d: the netrc file, which index '(default|own)' \(127\.0\.0\.1:\d+\) needs",
    ),
    Case(name="no password", prepare=_login, words=r"asks who you are \(401\)"),
)


def _secure(world: World, *names: str, client: bool = False) -> trustme.CA:
    """Serve the index over https, with a certificate of an authority of our own, for these names too."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", *names).configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    server = world.stack.enter_context(SecureIndex(context, [TOP, BASE]))
    world.url = server.url
    return authority


class SecureIndex(IndexServer):
    """The index over https."""

    def __init__(self, context: ssl.SSLContext, wheels: list[Wheel]) -> None:
        super().__init__(wheels)
        self._context = context

    @property
    def origin(self) -> str:
        """`https://127.0.0.1:PORT`."""
        return f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: object, client_address: object) -> None:
        """Shake hands in the connection's own thread."""
        assert isinstance(request, socket.socket)
        secure = self._context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(secure, client_address)
        finally:
            with contextlib.suppress(OSError):
                secure.close()


def _cert_file(world: World) -> None:
    file = world.folder / "ca.pem"
    _secure(world).cert_pem.write_to_path(file)
    world.env["SSL_CERT_FILE"] = str(file)


def _cert_folder(world: World, *, hashed: bool) -> None:
    folder = world.folder / "ca"
    folder.mkdir()
    authority = _secure(world)
    authority.cert_pem.write_to_path(folder / "ours.pem")
    if hashed:
        import subprocess

        argv = ("openssl", "x509", "-hash", "-noout", "-in", str(folder / "ours.pem"))
        digest = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
        (folder / f"{digest}.0").symlink_to("ours.pem")
    world.env["SSL_CERT_DIR"] = str(folder)


def _cert_file_and_folders(world: World) -> None:
    """A file with another authority, an empty folder, and the folder with the right one."""
    _cert_folder(world, hashed=False)
    other = world.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    (world.folder / "empty").mkdir()
    world.env["SSL_CERT_FILE"] = str(other)
    world.env["SSL_CERT_DIR"] = f"{world.folder / 'empty'}:{world.env['SSL_CERT_DIR']}"


def _client_cert(world: World) -> None:
    authority = _secure(world, client=True)
    file, own = world.folder / "ca.pem", world.folder / "client.pem"
    authority.cert_pem.write_to_path(file)
    authority.issue_cert("kim@example.com").private_key_and_cert_chain_pem.write_to_path(own)
    world.env |= {"SSL_CERT_FILE": str(file), "SSL_CLIENT_CERT": str(own)}


def _no_client_cert(world: World) -> None:
    _client_cert(world)
    del world.env["SSL_CLIENT_CERT"]


def _https_said(world: World) -> None:
    world.url = world.url.replace("http:", "https:")


def _unreadable_cert(world: World) -> None:
    _secure(world)
    file = world.folder / "ca.pem"
    file.write_text("no certificate\n")
    world.env["SSL_CERT_FILE"] = str(file)


UNREADABLE = r"no certificate can be read in \$SSL_CERT_FILE\s+hint: name a file in PEM form"
CERTIFICATES = (
    Case(name="SSL_CERT_FILE", prepare=_cert_file),
    Case(name="SSL_CERT_DIR, hashed", prepare=lambda world: _cert_folder(world, hashed=True)),
    Case(name="SSL_CERT_DIR, not hashed", prepare=lambda world: _cert_folder(world, hashed=False)),
    Case(name="SSL_CERT_FILE and two folders", prepare=_cert_file_and_folders),
    Case(name="SSL_CLIENT_CERT", prepare=_client_cert),
    Case(name="unknown authority", prepare=lambda w: _drop(_secure(w)), words="certificate"),
    Case(
        name="https said of an index on http",
        prepare=_https_said,
        words=r"it does not speak TLS\s+hint: check the network, or say where it lives",
    ),
    Case(
        name="client certificate wanted", prepare=_no_client_cert, words=r"hint: .*SSL_CLIENT_CERT"
    ),
    Case(name="unreadable certificate", prepare=_unreadable_cert, words=UNREADABLE),
)


def _drop(_: object) -> None:
    """Take a value that a case does not need."""


def _http_proxy(world: World, scheme: str = "http") -> None:
    proxy = world.stack.enter_context(HttpProxy(LOGIN))
    _through(world, proxy, scheme, "HTTP_PROXY")


def _proxy_without_scheme(world: World) -> None:
    _http_proxy(world)
    world.env["HTTP_PROXY"] = (world.env["HTTP_PROXY"] or "").removeprefix("http://")


def _proxy_in_both_cases(world: World) -> None:
    """The lower one is of a proxy that is down."""
    _http_proxy(world)
    world.env["http_proxy"] = "http://127.0.0.1:9"


class SecureProxy(HttpProxy):
    """A proxy that is itself on https."""

    def __init__(self, context: ssl.SSLContext, login: tuple[str, str]) -> None:
        super().__init__(login)
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        """Shake hands in the connection's own thread."""
        assert isinstance(request, socket.socket)
        secure = self._context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(secure, client_address)
        finally:
            with contextlib.suppress(OSError):
                secure.close()


def _secure_proxy(world: World, variable: str) -> None:
    """A proxy on https, before an index on http, or on https of another authority."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = authority.cert_pem.bytes()
    if variable == "HTTPS_PROXY":
        trusted += _secure(world, "index.invalid").cert_pem.bytes()
    (world.folder / "ca.pem").write_bytes(trusted)
    world.env["SSL_CERT_FILE"] = str(world.folder / "ca.pem")
    proxy = world.stack.enter_context(SecureProxy(context, LOGIN))
    _through(world, proxy, "https", variable)


def _socks(world: World, scheme: str, login: tuple[str, str] | None = None) -> None:
    proxy = world.stack.enter_context(SocksProxy(login))
    _through(world, proxy, scheme, "ALL_PROXY")


def _through(world: World, proxy: HttpProxy | SocksProxy, scheme: str, variable: str) -> None:
    """An index whose name only the proxy can resolve."""
    parts = urlsplit(world.url)
    proxy.hosts["index.invalid"] = (parts.hostname or "", parts.port or 0)
    world.url = world.url.replace("127.0.0.1", "index.invalid")
    login = "".join(f"{quote(part, safe='')}:" for part in proxy.login or ())[:-1]
    address = f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{proxy.port}"
    world.env |= {variable: address, "NO_PROXY": "localhost", "no_proxy": None}


def _no_proxy(world: World, exempt: str) -> None:
    world.env |= {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": exempt, "no_proxy": None}


def _suffix(world: World) -> None:
    world.url = world.url.replace("127.0.0.1", "localhost")
    _no_proxy(world, "a.example, .localhost")


def _nothing_said(world: World) -> None:
    """Every variable is there, and empty."""
    world.env |= dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT"), "")
    world.env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"), "")
    world.env |= dict.fromkeys(("NETRC", "ENVBUILD_KEYRING", "ENVBUILD_HTTP_TIMEOUT"), "")


def _dead_proxy(world: World, variable: str = "HTTP_PROXY", scheme: str = "http") -> None:
    world.url = world.url.replace("127.0.0.1", "index.invalid")
    world.env |= {variable: f"{scheme}://127.0.0.1:9", "NO_PROXY": "localhost"}


def _wrong(world: World, variable: str) -> None:
    """A password that the proxy does not know."""
    world.env[variable] = (world.env[variable] or "").replace(f"{LOGIN[0]}:", f"{LOGIN[0]}:no")


def _wrong_http_password(world: World) -> None:
    _http_proxy(world)
    _wrong(world, "HTTP_PROXY")


def _wrong_tunnel_password(world: World) -> None:
    """On the way to https, where a proxy is asked for a tunnel first."""
    _cert_file(world)
    proxy = world.stack.enter_context(HttpProxy(LOGIN))
    _through(world, proxy, "http", "HTTPS_PROXY")
    _wrong(world, "HTTPS_PROXY")


def _wrong_socks_password(world: World) -> None:
    _socks(world, "socks5h", LOGIN)
    _wrong(world, "ALL_PROXY")


PROXY_DOWN = r"the proxy: connection refused\s+hint: check \$HTTP_PROXY"
PROXY_ASKS = r"the proxy that leads to index .* asks who you are"

PROXIES = (
    Case(name="HTTP_PROXY, password encoded", prepare=_http_proxy),
    Case(name="HTTP_PROXY without a scheme", prepare=_proxy_without_scheme),
    Case(name="HTTP_PROXY and http_proxy", prepare=_proxy_in_both_cases),
    Case(name="HTTP_PROXY on https", prepare=partial(_secure_proxy, variable="HTTP_PROXY")),
    Case(name="HTTPS_PROXY on https", prepare=partial(_secure_proxy, variable="HTTPS_PROXY")),
    Case(name="ALL_PROXY socks5h", prepare=lambda world: _socks(world, "socks5h")),
    Case(name="ALL_PROXY socks5h, password", prepare=lambda w: _socks(w, "socks5h", LOGIN)),
    Case(name="NO_PROXY host", prepare=lambda world: _no_proxy(world, "127.0.0.1")),
    Case(name="NO_PROXY CIDR", prepare=lambda world: _no_proxy(world, "10.0.0.0/8,127.0.0.0/8")),
    Case(
        name="NO_PROXY host and port",
        prepare=lambda world: _no_proxy(world, f"127.0.0.1:{urlsplit(world.url).port}"),
    ),
    Case(name="NO_PROXY star", prepare=lambda world: _no_proxy(world, "*")),
    Case(name="NO_PROXY suffix", prepare=_suffix),
    Case(name="empty variables", prepare=_nothing_said),
    Case(name="proxy is down", prepare=_dead_proxy, words=PROXY_DOWN),
    Case(
        name="SOCKS proxy is down",
        prepare=lambda world: _dead_proxy(world, "ALL_PROXY", "socks5h"),
        words=PROXY_DOWN,
    ),
    Case(name="wrong password", prepare=_wrong_http_password, words=PROXY_ASKS),
    Case(name="wrong password, to https", prepare=_wrong_tunnel_password, words=PROXY_ASKS),
    Case(name="wrong password, SOCKS", prepare=_wrong_socks_password, words=PROXY_ASKS),
)


def _offer(world: World, **keys: object) -> None:
    world.index.offer = Offer(**keys)  # type: ignore[arg-type] # each case names its own


@dataclass(frozen=True, slots=True)
class _RefuseRanges:
    code: int

    def strike(self, handler: ProxyHandler) -> None:
        """Refuse who asks for a part; whole files are given."""
        if "Range" in handler.headers:
            handler.answer(self.code, b"no parts here\n")
        else:
            reply = handler.fetch()
            handler.begin(reply)
            handler.send(reply.body)


def _without_ranges(world: World, code: int) -> None:
    _offer(world, metadata=False)
    world.inject(FILE, _RefuseRanges(code), None)


FILES = (
    _failed("metadata 403", METADATA, Status(code=403), "does not permit reading"),
    _failed("metadata 500", METADATA, Status(code=500), "500 Internal Server Error"),
    _failed("metadata changed", METADATA, Change(at=3), "changed"),
    _retried("metadata 404", METADATA, Status(code=404), 9),
    _failed(
        "file 404", "/files/base", Status(code=404), r"lists base.* but does not have it \(404\)"
    ),
    Case(name="ranges 416", prepare=lambda world: _without_ranges(world, 416)),
    Case(name="ranges 501", prepare=lambda world: _without_ranges(world, 501)),
    Case(name="no ranges", prepare=lambda world: _offer(world, metadata=False, ranges=False)),
    Case(name="compressed files", prepare=lambda world: _offer(world, compressed=True)),
    Case(name="HTML alone", prepare=lambda world: _offer(world, json=False)),
)


def _flat(world: World, **keys: object) -> None:
    """One page on the index has the links to all files."""
    world.index.offer = Offer(**keys)  # type: ignore[arg-type] # each case names its own
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


def _flat_with_login(world: World) -> None:
    _netrc(world)
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


def _flat_that(world: World, fault: Fault, times: int | None = None) -> None:
    _flat(world)
    world.inject("/wheels", fault, times)


def _nested(world: World) -> None:
    """Wheels in folders within a folder, among what is none."""
    place = world.folder / "our wheels"
    TOP.write(place / "a" / "b")
    BASE.write(place / "c+d")
    (place / "a" / "notes.txt").touch()
    (place / "base-9.0-py3-none-any.whl").mkdir()
    (place / "loop").symlink_to(place)
    world.url = str(place)


def _as_file_url(world: World) -> None:
    _nested(world)
    world.url = (world.folder / "our wheels").as_uri()


def _links_file(world: World) -> None:
    """A page of links that is a file, beside the folder of its wheels."""
    links = [TOP.write(world.folder / "w+1"), BASE.write(world.folder / "w+1")]
    page = world.folder / "links.html"
    page.write_text("<html>" + "".join(f'<a href="w%2B1/{x.name}">x</a>' for x in links))
    world.url = page.as_uri()
    world.form = "flat"


def _tree(world: World) -> None:
    """Pages on disk as PEP 503 has them, with the files in a folder beside."""
    for wheel in (TOP, BASE):
        wheel.write(world.folder / "tree" / "packages")
        page = world.folder / "tree" / "simple" / wheel.name / "index.html"
        page.parent.mkdir(parents=True)
        link = f"../../packages/{wheel.filename}#sha256={wheel.sha256}"
        page.write_text(f'<!DOCTYPE html><html><a href="{link}">{wheel.filename}</a></html>')
    world.url = (world.folder / "tree" / "simple").as_uri()


def _tree_alone(world: World) -> None:
    _tree(world)
    world.form = "simple"


def _without_top(world: World, prepare: Callable[[World], None]) -> None:
    prepare(world)
    world.index.remove(TOP.filename)
    for file in world.folder.rglob(TOP.filename):
        file.unlink()
    shutil.rmtree(world.folder / "tree" / "simple" / "top", ignore_errors=True)


def _as_flat(world: World, prepare: Callable[[World], None]) -> None:
    """The same of a flat page."""
    prepare(world)
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


GONE = "index '(own|default)' has no package 'top'"
PLACES = (
    Case(name="flat page", prepare=_flat),
    Case(name="flat page without digests", prepare=lambda world: _flat(world, hashes=False)),
    Case(name="flat page, password in netrc", prepare=_flat_with_login),
    Case(name="flat page 503", prepare=lambda world: _flat_that(world, Status(code=503), 1)),
    Case(name="flat page broken off", prepare=lambda w: _flat_that(w, Truncate(after=50), 1)),
    Case(
        name="flat page 404",
        prepare=lambda world: _flat_that(world, Status(code=404)),
        words=GONE,
    ),
    Case(
        name="flat page 403",
        prepare=lambda world: _flat_that(world, Status(code=403)),
        words="does not permit reading",
    ),
    Case(name="flat page that lacks it", prepare=lambda w: _without_top(w, _flat), words=GONE),
    Case(
        name="flat page, certificate unreadable",
        prepare=lambda world: _as_flat(world, _unreadable_cert),
        words="SSL_CERT_FILE",
    ),
    Case(
        name="flat page, proxy is down",
        prepare=lambda world: _as_flat(world, _dead_proxy),
        words="cannot be reached",
    ),
    Case(name="flat page, SOCKS", prepare=lambda w: _as_flat(w, lambda v: _socks(v, "socks5h"))),
    Case(
        name="flat page, netrc cannot be parsed",
        prepare=lambda world: _as_flat(
            world, lambda one: one.write_netrc("machine 127.0.0.1", "passwort x")
        ),
        words="netrc",
    ),
    Case(
        name="flat page, other password",
        prepare=lambda world: _as_flat(world, _netrc_of_another),
        words=r"asks who you are \(401\)",
    ),
    Case(name="folders within a folder", prepare=_nested),
    Case(name="folder as a file: URL", prepare=_as_file_url),
    Case(name="folder that lacks it", prepare=lambda w: _without_top(w, _nested), words=GONE),
    Case(name="page of links on disk", prepare=_links_file),
    Case(name="tree of pages on disk", prepare=_tree),
    Case(name="tree of pages on disk, format simple", prepare=_tree_alone),
    Case(name="tree that lacks it", prepare=lambda w: _without_top(w, _tree_alone), words=GONE),
)


NOWHERE = "http://127.0.0.1:9/simple"


def _mirrors(world: World, *first: str, last: str | None = None) -> None:
    """Further places go before the index, or before another one."""
    world.url = " ".join((*first, last or world.index.url))


def _mirror_that(world: World, pattern: str, fault: Fault, **env: str) -> None:
    """The first place does this, and the second one is well."""
    world.env |= env
    world.inject(pattern, fault, None)
    _mirrors(world, world.faults.url)


def _mirror_with_login(world: World) -> None:
    _login(world)
    _mirrors(world, NOWHERE, last=world.index.url_with_login)


def _mirror_without_it(world: World) -> None:
    other = world.stack.enter_context(IndexServer([BASE]))
    _mirrors(world, other.url)


def _flat_mirror(world: World) -> None:
    world.form = "flat"
    _mirrors(world, "http://127.0.0.1:9/wheels", last=f"{world.index.origin}/wheels")


def _all_down(world: World) -> None:
    world.inject("/", Status(code=503), None)
    user, password = (quote(part, safe="") for part in LOGIN)
    _mirrors(world, f"http://{user}:{password}@127.0.0.1:9/simple", last=world.faults.url)
    world.env["ENVBUILD_HTTP_RETRIES"] = "0"


HASTE = {"ENVBUILD_HTTP_TIMEOUT": "1", "ENVBUILD_HTTP_RETRIES": "0"}
MIRRORS = (
    Case(name="mirror refuses connections", prepare=lambda world: _mirrors(world, NOWHERE)),
    Case(name="mirror 503", prepare=lambda w: _mirror_that(w, "/", Status(code=503))),
    Case(name="mirror is silent", prepare=lambda w: _mirror_that(w, "/", Hang(), **HASTE)),
    Case(name="mirror resets, files alone", prepare=lambda w: _mirror_that(w, "/files/", Reset())),
    Case(
        name="mirror 500, files alone",
        prepare=lambda w: _mirror_that(w, FILE, Status(code=500), ENVBUILD_HTTP_RETRIES="0"),
    ),
    Case(name="mirror with a password of its own", prepare=_mirror_with_login),
    Case(name="mirror of a flat index", prepare=_flat_mirror),
    Case(name="mirror 404 is an answer", prepare=_mirror_without_it, words=GONE),
    Case(
        name="mirror 403 is an answer",
        prepare=lambda w: _mirror_that(w, PAGE, Status(code=403)),
        words="does not permit reading",
    ),
    Case(
        name="all mirrors are down",
        prepare=_all_down,
        words=r"failed to give .*503 Service Unavailable\); tried before: 127\.0\.0\.1:9 \(",
    ),
)


CASES = (*PLACES, *MIRRORS, *RETRIES, *IDENTITY, *CERTIFICATES, *PROXIES, *FILES)


@pytest.fixture
def world(
    isolation: Path, index: IndexServer, faults: FaultProxy, scratch: Path
) -> Iterator[World]:
    """The two wheels on an index, behind a proxy that plays faults."""
    index.add(TOP, BASE)
    folder = scratch / "w"
    folder.mkdir()
    made = World(index=index, faults=faults, home=isolation, folder=folder, url=faults.url)
    with made.stack:
        yield made


def run_side(side: str, run: CommandLine, world: World, python: str) -> tuple[Result, str, bool]:
    """The first result that failed, or the last; the lockfile's text; whether the environment was built."""
    env = dict(world.env)
    if extra := env.pop("PATH+", None):
        env["PATH"] = f"{extra}:{run.env['PATH']}"
    env.setdefault("ENVBUILD_HTTP_RETRIES", "3")
    env.setdefault("ENVBUILD_HTTP_TIMEOUT", "2")
    more = ""
    if side == "default":
        env["ENVBUILD_INDEX_DEFAULT_URL"] = world.url
        env["ENVBUILD_INDEX_DEFAULT_FORMAT"] = world.form
    else:
        env |= {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}
        env |= {"ENVBUILD_INDEX_OWN_URL": world.url}
        address = "https://packages.example.com/simple"
        more = f'[[index]]\nname = "own"\nurl = "{address}"\npackages = ["top", "base"]\n'
        more += f'format = "{world.form}"\n' if world.form else ""
    run.declare(declare_drivers({"top": ["top"]}, python=python, more=more))
    shutil.rmtree(run.cwd / "locks", ignore_errors=True)
    result = run("lock", env=env)
    if result.code:
        return result, "", False
    text = (run.cwd / "locks/top.toml").read_text()
    built = run("sync", env=env)
    return built, re.sub(r'"(own|default)"', '"index"', text), built.code == 0


@pytest.mark.parametrize(
    ("case", "side"),
    [pytest.param(case, side, id=f"{case.name}, {side}") for case in CASES for side in case.sides],
)
def test_a_case(
    case: Case, side: str, world: World, run_envbuild: CommandLine, python_version: str
) -> None:
    """Both sides write the same lockfile, or say the same with exit 4."""
    case.prepare(world)
    result, text, built = run_side(side, run_envbuild, world, python_version)
    assert LOGIN[1] not in result.stderr, result
    assert base64.b64encode(LOGIN[1].encode()).decode() not in result.stderr, result
    assert "Traceback" not in result.stderr, result
    if world.stranger is not None:
        assert world.stranger.requests
        assert not [one for one in world.stranger.requests if "authorization" in one.headers]
    if case.words is None:
        assert result.code == 0, result
        assert built
        assert f'"{BASE.filename}"' in text
    else:
        assert result.code == INDEX, result
        assert re.search(case.words, result.stderr), result
