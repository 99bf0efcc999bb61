"""Proxies of every kind, and those that are left out."""

from __future__ import annotations

import ssl
from functools import partial
from urllib.parse import quote, urlsplit

import trustme

from tests.indexes.sides.certificates import cert_file, secure
from tests.indexes.sides.world import Case, World
from tests.support.https import Secure
from tests.support.indexes import LOGIN
from tests.support.proxies import HttpProxy, SocksProxy


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


class SecureProxy(Secure, HttpProxy):
    """A proxy that is itself on https."""


def _secure_proxy(world: World, variable: str) -> None:
    """A proxy on https, before an index on http, or on https of another authority."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = authority.cert_pem.bytes()
    if variable == "HTTPS_PROXY":
        trusted += secure(world, "index.invalid").cert_pem.bytes()
    (world.folder / "ca.pem").write_bytes(trusted)
    world.env["SSL_CERT_FILE"] = str(world.folder / "ca.pem")
    proxy = SecureProxy(LOGIN)
    proxy.context = context
    world.stack.enter_context(proxy)
    _through(world, proxy, "https", variable)


def socks(world: World, scheme: str, login: tuple[str, str] | None = None) -> None:
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


def dead_proxy(world: World, variable: str = "HTTP_PROXY", scheme: str = "http") -> None:
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
    cert_file(world)
    proxy = world.stack.enter_context(HttpProxy(LOGIN))
    _through(world, proxy, "http", "HTTPS_PROXY")
    _wrong(world, "HTTPS_PROXY")


def _wrong_socks_password(world: World) -> None:
    socks(world, "socks5h", LOGIN)
    _wrong(world, "ALL_PROXY")


PROXY_DOWN = r"the proxy: connection refused\s+hint: check \$HTTP_PROXY"
PROXY_ASKS = r"the proxy for index .* requires a user and a password"

PROXIES = (
    Case(name="HTTP_PROXY, password encoded", prepare=_http_proxy),
    Case(name="HTTP_PROXY without a scheme", prepare=_proxy_without_scheme),
    Case(name="HTTP_PROXY and http_proxy", prepare=_proxy_in_both_cases),
    Case(name="HTTP_PROXY on https", prepare=partial(_secure_proxy, variable="HTTP_PROXY")),
    Case(name="HTTPS_PROXY on https", prepare=partial(_secure_proxy, variable="HTTPS_PROXY")),
    Case(name="ALL_PROXY socks5h", prepare=lambda world: socks(world, "socks5h")),
    Case(name="ALL_PROXY socks5h, password", prepare=lambda w: socks(w, "socks5h", LOGIN)),
    Case(name="NO_PROXY host", prepare=lambda world: _no_proxy(world, "127.0.0.1")),
    Case(name="NO_PROXY CIDR", prepare=lambda world: _no_proxy(world, "10.0.0.0/8,127.0.0.0/8")),
    Case(
        name="NO_PROXY host and port",
        prepare=lambda world: _no_proxy(world, f"127.0.0.1:{urlsplit(world.url).port}"),
    ),
    Case(name="NO_PROXY star", prepare=lambda world: _no_proxy(world, "*")),
    Case(name="NO_PROXY suffix", prepare=_suffix),
    Case(name="empty variables", prepare=_nothing_said),
    Case(name="proxy is down", prepare=dead_proxy, words=PROXY_DOWN),
    Case(
        name="SOCKS proxy is down",
        prepare=lambda world: dead_proxy(world, "ALL_PROXY", "socks5h"),
        words=PROXY_DOWN,
    ),
    Case(name="wrong password", prepare=_wrong_http_password, words=PROXY_ASKS),
    Case(name="wrong password, to https", prepare=_wrong_tunnel_password, words=PROXY_ASKS),
    Case(name="wrong password, SOCKS", prepare=_wrong_socks_password, words=PROXY_ASKS),
)
