"""Index servers, proxies and a keyring as others wrote them, each met by a bound and an unbound package.

One table: what is set up, and what envbuild is told of it. A row is right where both packages are locked and built,
or where both commands end with exit 4 and the row's words.
pypiserver alone is tried in every run of the tests; `nox -s indexes` tries all.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.indexes.servers import proxies
from tests.indexes.servers.indexes import BANDERSNATCH, DEVPI, mirror, run_devpi
from tests.indexes.servers.nginx import NGINX, Front, run_nginx
from tests.support.command_line import declare_drivers
from tests.support.indexes import BASE, FAILED, LOGIN, TOP
from tests.support.programs import VENVS, Program
from tests.support.pypiserver_process import run_pypiserver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.indexes.servers.nginx import Nginx
    from tests.indexes.servers.proxies import Proxy
    from tests.support.command_line import CommandLine

WHEELS = (TOP, BASE)
PLAIN_LOGIN = ("kim", "pass-word")
"""tinyproxy's own configuration has no way to write others."""

INSIDE = "127.0.0.2"
"""Where servers listen that are asked through a proxy."""

HIDDEN = "index.invalid"
"""A name that only a proxy resolves."""


@dataclass(kw_only=True, slots=True)
class World:
    """Where a row puts what it makes."""

    folder: Path
    home: Path
    stack: contextlib.ExitStack
    env: dict[str, str | None] = field(default_factory=dict)
    url: str = ""
    """Where the index is."""

    form: str = ""
    """The index's format, where it is said."""

    nginx: Nginx | None = None
    proxy: Proxy | None = None

    def tree(self) -> Path:
        """The wheels in PEP 503 layout, as a folder to serve."""
        root = self.folder / "tree"
        for wheel in WHEELS:
            wheel.write(root / "simple" / wheel.name)
        return root

    def serve(self, front: Front | None = None, root: Path | None = None) -> Nginx:
        """nginx before a folder, and the index there."""
        self.nginx = self.stack.enter_context(run_nginx(self.folder, root or self.tree(), front))
        self.url = f"{self.nginx.origin}/simple"
        return self.nginx

    def write_netrc(self, *machines: str) -> None:
        """A `.netrc` with the password for these hosts."""
        user, password = LOGIN
        file = self.home / ".netrc"
        file.write_text(
            "".join(f"machine {m} login {user} password {password}\n" for m in machines)
        )
        file.chmod(0o600)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One server with what it is special for."""

    server: Program | str
    name: str
    prepare: Callable[[World], None]
    words: str | None = None
    """A regular expression of what is said with exit 4; None where it works."""

    def __str__(self) -> str:
        """The row in the test's id."""
        return f"{self.server_name}, {self.name}"

    @property
    def server_name(self) -> str:
        """The server's."""
        return self.server if isinstance(self.server, str) else self.server.name


def _pypiserver(world: World) -> None:
    for wheel in WHEELS:
        wheel.write(world.folder / "flat")
    world.url = world.stack.enter_context(run_pypiserver(world.folder / "flat"))


def _devpi(world: World) -> None:
    world.url = world.stack.enter_context(run_devpi(world.folder, WHEELS))


def _bandersnatch(world: World, pages: str) -> None:
    world.serve(root=mirror(world.folder, WHEELS, pages=pages))


def _flat(world: World) -> None:
    """One folder with all files, as autoindex lists it."""
    for wheel in WHEELS:
        wheel.write(world.folder / "flat")
    nginx = world.serve(root=world.folder / "flat")
    world.url, world.form = f"{nginx.origin}/", "flat"


def _mirrors(world: World) -> None:
    """The first of two is down."""
    world.serve()
    world.url = f"http://127.0.0.1:9/simple {world.url}"


def _with_password(world: World) -> None:
    world.serve(Front(login=LOGIN))


def _netrc(world: World) -> None:
    _with_password(world)
    world.write_netrc("127.0.0.1")


def _user_in_url(world: World) -> None:
    _netrc(world)
    world.url = world.url.replace("://", f"://{LOGIN[0]}@")


def _keyring(world: World) -> None:
    """The real keyring, with a file as its backend."""
    _with_password(world)
    program = KEYRING.find()
    world.url = world.url.replace("://", f"://{LOGIN[0]}@")
    backend = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    argv = (program, "set", world.url.replace(f"{LOGIN[0]}@", ""), LOGIN[0])
    env = {"HOME": str(world.home), "XDG_DATA_HOME": str(world.home / ".data"), **backend}
    subprocess.run(argv, input=LOGIN[1], text=True, env=env, check=True, timeout=60)
    world.env |= {"ENVBUILD_KEYRING": "subprocess", "PATH+": str(program.parent), **backend}


KEYRING = Program(name="keyring", package="keyring", in_venv=True)


def _certified(world: World, *names: str, clients: bool = False) -> Front:
    """A front with a certificate of an authority of our own, which is the world's `ca`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(world.folder / "ca.pem")
    server = authority.issue_cert(*(names or ("127.0.0.1",)))
    server.private_key_and_cert_chain_pem.write_to_path(world.folder / "server.pem")
    ours = authority.issue_cert("kim@example.com")
    ours.private_key_and_cert_chain_pem.write_to_path(world.folder / "client.pem")
    return Front(
        certificate=world.folder / "server.pem",
        client_authority=world.folder / "ca.pem" if clients else None,
    )


def _ca_file(world: World, *, clients: bool = False) -> None:
    world.serve(_certified(world, clients=clients))
    world.env["SSL_CERT_FILE"] = str(world.folder / "ca.pem")


def _ca_folder(world: World, *, hashed: bool) -> None:
    world.serve(_certified(world))
    folder = world.folder / "authorities"
    folder.mkdir()
    name = "ours.pem"
    if hashed:
        openssl = Program(name="openssl", package="openssl").find()
        argv = (openssl, "x509", "-hash", "-noout", "-in", world.folder / "ca.pem")
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        name = f"{done.stdout.strip()}.0"
    (world.folder / "ca.pem").rename(folder / name)
    world.env["SSL_CERT_DIR"] = str(folder)


def _client_certificate(world: World) -> None:
    _ca_file(world, clients=True)
    world.env["SSL_CLIENT_CERT"] = str(world.folder / "client.pem")


def _unknown_authority(world: World) -> None:
    world.serve(_certified(world))


def _through(world: World, proxy: Proxy, variable: str, scheme: str) -> None:
    world.proxy = proxy
    world.env |= {variable: proxy.address(scheme), "NO_PROXY": "localhost", "no_proxy": None}


def _behind(world: World, *, secure: bool = False) -> dict[str, str]:
    """An index whose name only a proxy resolves → what it has to know for that."""
    front = _certified(world, HIDDEN) if secure else Front()
    world.serve(
        Front(host=INSIDE, name=HIDDEN, certificate=front.certificate),
    )
    if secure:
        world.env["SSL_CERT_FILE"] = str(world.folder / "ca.pem")
    return {HIDDEN: INSIDE}


def _squid(world: World, *, secure: bool = False) -> None:
    hosts = _behind(world, secure=secure)
    proxy = world.stack.enter_context(proxies.run_squid(world.folder, hosts, LOGIN))
    _through(world, proxy, "HTTPS_PROXY" if secure else "HTTP_PROXY", "http")


def _wrong_password(world: World, *, secure: bool) -> None:
    _squid(world, secure=secure)
    variable = "HTTPS_PROXY" if secure else "HTTP_PROXY"
    world.env[variable] = (world.env[variable] or "").replace("rd%25", "rd")


def _tinyproxy(world: World, variable: str) -> None:
    hosts = _behind(world)
    proxy = world.stack.enter_context(proxies.run_tinyproxy(world.folder, hosts, PLAIN_LOGIN))
    _through(world, proxy, variable, "http")


def _microsocks(world: World, *, secure: bool = False) -> None:
    hosts = _behind(world, secure=secure)
    proxy = world.stack.enter_context(proxies.run_microsocks(world.folder, hosts, LOGIN))
    _through(world, proxy, "ALL_PROXY", "socks5h")


def _microsocks_by_address(world: World) -> None:
    _microsocks(world)
    world.url = world.url.replace(HIDDEN, INSIDE)
    assert world.proxy is not None
    _through(world, world.proxy, "ALL_PROXY", "socks5")


def _wrong_socks_password(world: World) -> None:
    _microsocks(world)
    world.env["ALL_PROXY"] = (world.env["ALL_PROXY"] or "").replace("rd%25", "rd")


def _dante(world: World) -> None:
    hosts = _behind(world)
    proxy = world.stack.enter_context(proxies.run_dante(world.folder, hosts))
    _through(world, proxy, "ALL_PROXY", "socks5h")


def _exempt(world: World) -> None:
    """A proxy that is down, and a network that needs none."""
    world.serve(Front(host=INSIDE, name=INSIDE))
    world.env |= {"HTTP_PROXY": "http://127.0.0.1:9", "no_proxy": None}
    world.env["NO_PROXY"] = "10.0.0.0/8,127.0.0.0/24"


SAMPLE = (Row(server="pypiserver", name="a folder of wheels", prepare=_pypiserver),)

ALL = (
    *SAMPLE,
    Row(server=DEVPI, name="an index of its own", prepare=_devpi),
    Row(
        server=BANDERSNATCH, name="a mirror, JSON pages", prepare=lambda w: _bandersnatch(w, "ALL")
    ),
    Row(
        server=BANDERSNATCH, name="a mirror, HTML alone", prepare=lambda w: _bandersnatch(w, "HTML")
    ),
    Row(server=NGINX, name="autoindex", prepare=lambda world: _none(world.serve())),
    Row(server=NGINX, name="autoindex, flat", prepare=_flat),
    Row(server=NGINX, name="a mirror of one that is down", prepare=_mirrors),
    Row(server=NGINX, name="password in netrc", prepare=_netrc),
    Row(server=NGINX, name="user in the URL, password in netrc", prepare=_user_in_url),
    Row(
        server=NGINX,
        name="no password",
        prepare=_with_password,
        words=r"requires a user and a password \(401\)",
    ),
    Row(server=KEYRING, name="user in the URL, password in a keyring", prepare=_keyring),
    Row(server=NGINX, name="SSL_CERT_FILE", prepare=_ca_file),
    Row(server=NGINX, name="SSL_CERT_DIR, hashed", prepare=lambda w: _ca_folder(w, hashed=True)),
    Row(
        server=NGINX, name="SSL_CERT_DIR, not hashed", prepare=lambda w: _ca_folder(w, hashed=False)
    ),
    Row(server=NGINX, name="unknown authority", prepare=_unknown_authority, words="certificate"),
    Row(server=NGINX, name="SSL_CLIENT_CERT", prepare=_client_certificate),
    Row(
        server=NGINX,
        name="a client certificate wanted, none given",
        prepare=lambda world: _ca_file(world, clients=True),
        words=r"refused the page .* \(400 Bad Request\)",
    ),
    Row(server=NGINX, name="NO_PROXY with a network", prepare=_exempt),
    Row(server=proxies.SQUID, name="HTTP_PROXY, password encoded", prepare=_squid),
    Row(
        server=proxies.SQUID,
        name="HTTPS_PROXY, password encoded",
        prepare=lambda world: _squid(world, secure=True),
    ),
    *(
        Row(
            server=proxies.SQUID,
            name=f"{variable}, wrong password",
            prepare=lambda world, secure=secure: _wrong_password(world, secure=secure),  # type: ignore[misc]
            words=r"the proxy for index .* requires a user and a password \(407\)",
        )
        for variable, secure in (("HTTP_PROXY", False), ("HTTPS_PROXY", True))
    ),
    Row(
        server=proxies.TINYPROXY,
        name="HTTP_PROXY, password",
        prepare=lambda world: _tinyproxy(world, "HTTP_PROXY"),
    ),
    Row(
        server=proxies.TINYPROXY,
        name="ALL_PROXY, password",
        prepare=lambda world: _tinyproxy(world, "ALL_PROXY"),
    ),
    Row(server=proxies.MICROSOCKS, name="socks5h, password encoded", prepare=_microsocks),
    Row(
        server=proxies.MICROSOCKS,
        name="socks5h to https, password encoded",
        prepare=lambda world: _microsocks(world, secure=True),
    ),
    Row(server=proxies.MICROSOCKS, name="socks5, password", prepare=_microsocks_by_address),
    Row(
        server=proxies.MICROSOCKS,
        name="socks5h, wrong password",
        prepare=_wrong_socks_password,
        words=r"the proxy for index .* requires a user and a password",
    ),
    Row(server=proxies.DANTE, name="socks5h", prepare=_dante),
)


def _none(_: object) -> None:
    """Drop a value that a row does not need."""


@pytest.mark.parametrize("row", ALL if VENVS else SAMPLE, ids=str)
def test_a_server(
    row: Row,
    run_envbuild: CommandLine,
    isolation: Path,
    scratch: Path,
    python_version: str,
    record_property: Callable[[str, object], None],
) -> None:
    """A bound package and an unbound one come from it, from lock to sync, or it is said why not."""
    record_property("case", row.name)
    record_property("server", row.server_name)
    record_property("right", "locked, built" if row.words is None else "exit 4 in the right words")
    version = _version(row)
    record_property("version", version)
    folder = scratch / "w"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        world = World(folder=folder, home=isolation, stack=stack)
        row.prepare(world)
        _check(row, world, run_envbuild, python_version)
        if world.nginx is not None:
            seen = Counter(one.agent for one in world.nginx.seen())
            asked = ", ".join(f"{agent} {times}" for agent, times in sorted(seen.items()))
            record_property("requests", asked or "none")
        if world.proxy is not None and row.words is None:
            _check_way(world)


def _check(row: Row, world: World, run: CommandLine, python: str) -> None:
    """Lock and sync, or both failures."""
    env = dict(world.env)
    if extra := env.pop("PATH+", None):
        env["PATH"] = f"{extra}:{run.env['PATH']}"
    env |= {"ENVBUILD_INDEX_DEFAULT_URL": world.url, "ENVBUILD_INDEX_OWN_URL": world.url}
    env |= {f"ENVBUILD_INDEX_{name}_FORMAT": world.form for name in ("DEFAULT", "OWN")}
    env |= {"ENVBUILD_HTTP_RETRIES": None}  # tinyproxy closes connections while they are used
    own = '[[index]]\nname = "own"\nurl = "https://own.example.com/simple"\npackages = ["base"]\n'
    run.declare(declare_drivers({"top": ["top"]}, python=python, more=own))
    locked = run("lock", env=env)
    assert LOGIN[1] not in locked.stderr, locked
    if row.words is not None:
        assert locked.code == FAILED, locked
        assert re.search(row.words, locked.stderr), locked
        return
    assert locked.code == 0, locked
    text = (run.cwd / "locks/top.toml").read_text()
    assert all(wheel.sha256 in text for wheel in WHEELS)
    built = run("sync", env=env)
    assert built.code == 0, built
    assert run("run", "top", "--", "--version", env=env).stdout.strip() == "top 1.0"


def _check_way(world: World) -> None:
    """Every request came through the proxy, whose own log names the index's port."""
    assert world.nginx is not None
    assert world.proxy is not None
    seen = world.nginx.seen()
    for project in ("top", "base"):
        assert any(f"/simple/{project}/" in one.path for one in seen)
    assert {one.address for one in seen if one.agent} == {proxies.OUTSIDE}
    assert {one.agent for one in seen} == {"envbuild"}  # uv asks nobody but envbuild
    assert re.search(rf"\D{world.nginx.port}\b", world.proxy.log.read_text(errors="replace"))


def _version(row: Row) -> str:
    if isinstance(row.server, str):
        return importlib.metadata.version(row.server)
    return row.server.version()
