"""Pools of connections: their proxies, their certificates, and a deadline for each answer."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.index.answer import CERTIFICATE

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Generator, Mapping

    import urllib3


_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems have their trusted certificates, for a Python that was built for another system."""

_here = threading.local()
"""`deadline`: that of the request that this thread sends."""


def proxies_of(environ: Mapping[str, str]) -> Mapping[str, str]:
    """An environment's settings for proxies, by the variable's name in lower case.

    If both forms of a name are set, the one in upper case counts, as for uv.
    """
    told = sorted(key for key in environ if key.lower().endswith("_proxy") and environ[key])
    return {key.lower(): environ[key] for key in reversed(told)}


def proxy_for(url: str, known: Mapping[str, str]) -> str | None:
    """The proxy that an environment's `proxies_of` name for a URL, as curl and uv read it, or None."""
    parts = urlsplit(url)
    if is_exempt(parts.hostname or "", parts.port, known.get("no_proxy", "")):
        return None
    proxy = known.get(f"{parts.scheme}_proxy") or known.get("all_proxy")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_exempt(host: str, port: int | None, listed: str) -> bool:
    """Whether a `NO_PROXY` names a host: by its name, a suffix, an address, a network, each with or without a port."""
    return any(_names(item.strip().lower(), host.lower(), port) for item in listed.split(","))


def _names(item: str, host: str, port: int | None) -> bool:
    if item == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(item.strip("[]"), strict=False)
    name, _, its_port = (
        item.rpartition(":") if item.rpartition(":")[2].isdecimal() else (item, "", "")
    )
    if its_port and port is not None and int(its_port) != port:
        return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


@contextmanager
def watched_by(deadline: Deadline) -> Generator[None]:
    """Apply the deadline to the connections that this thread opens or uses in the block."""
    _here.deadline = deadline
    try:
        yield
    finally:
        _here.deadline = None


def make_manager(scheme: str, proxy: str | None, environ: Mapping[str, str]) -> urllib3.PoolManager:
    """A pool for one scheme, through one proxy; OSError if a certificate cannot be read."""
    import urllib3

    secure = scheme == "https" or (proxy or "").startswith("https:")
    context = _trust(environ) if secure else None
    if proxy is None:
        return _watched(urllib3.PoolManager(num_pools=8, maxsize=32, ssl_context=context))
    parts = urlsplit(proxy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.scheme.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager

        manager = SOCKSProxyManager(
            address,
            username=user or None,
            password=password or None,
            num_pools=8,
            maxsize=32,
            ssl_context=context,
        )
        manager.pool_classes_by_scheme = _watched_socks_pools()
        return manager
    login = f"{user}:{password}" if user else None
    return _watched(
        urllib3.ProxyManager(
            address,
            num_pools=8,
            maxsize=32,
            ssl_context=context,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
        )
    )


def _watched(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    manager.pool_classes_by_scheme = _watched_pools()
    return manager


@cache
def _watched_pools() -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """urllib3's pools; a deadline can shut their connections down."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Connection(_Watched, HTTPConnection):
        pass

    class SecureConnection(_Watched, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


@cache
def _watched_socks_pools() -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """The same pools, through a SOCKS proxy."""
    from urllib3.contrib import socks

    class Connection(_Watched, socks.SOCKSConnection):
        pass

    class SecureConnection(_Watched, socks.SOCKSHTTPSConnection):
        pass

    class Pool(socks.SOCKSHTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(socks.SOCKSHTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


class _Watched:
    """A connection whose handshake and answer a deadline can stop."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        """Connect; a copy of the socket is watched, because TLS wraps the socket during the handshake."""
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._copy = connection.dup()
        _watch(self._copy)
        return connection

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
            _watch(self.sock)
        finally:
            copy = self.__dict__.pop("_copy", None)
            if copy is not None:
                copy.close()

    def request(self, *args: object, **more: object) -> None:
        _watch(self.sock)
        super().request(*args, **more)  # type: ignore[misc]


def _watch(connection: socket.socket | None) -> None:
    deadline: Deadline | None = getattr(_here, "deadline", None)
    if deadline is not None and connection is not None:
        deadline.watch(connection)


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The trusted certificates: the host's, or the files and folders in the environment.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` (folders; file names need no hash) replace the host's certificates;
    `SSL_CLIENT_CERT` is the client's certificate with its key. OSError if one cannot be read.
    """
    import os
    import ssl

    file, folders = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file or folders:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if file:
            _load(context, file, "SSL_CERT_FILE")
        for folder in (folders or "").split(os.pathsep):
            if Path(folder).is_dir():
                _load_folder(context, folder)
    else:
        context = ssl.create_default_context()
        if not context.get_ca_certs() and not ssl.get_default_verify_paths().capath:
            for bundle in filter(os.path.exists, _BUNDLES):
                context.load_verify_locations(bundle)
                break
    if own := environ.get("SSL_CLIENT_CERT"):
        try:
            context.load_cert_chain(own)
        except (OSError, ssl.SSLError) as error:
            raise OSError(0, f"{CERTIFICATE} and key can be read in $SSL_CLIENT_CERT") from error
    return context


def _load(context: ssl.SSLContext, file: str, variable: str) -> None:
    import ssl

    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise OSError(0, f"{CERTIFICATE} can be read in ${variable}") from error


def _load_folder(context: ssl.SSLContext, folder: str) -> None:
    """Every certificate in a folder, with any file name: OpenSSL itself reads only hashed names."""
    import os
    import ssl

    for entry in os.scandir(folder):
        if entry.is_file():
            with suppress(OSError, ssl.SSLError):
                context.load_verify_locations(entry.path)


SLOWEST = 50_000
"""Bytes a second: a faster answer is never too late, however long it is."""


_LINGER = 1.0
"""Seconds that the watching thread waits for the next answer."""


class Deadline:
    """The deadline of one answer; used by the requesting and by the watching thread."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.has_passed = False
        self._guard = threading.Lock()
        self._connection: socket.socket | None = None

    def watch(self, connection: socket.socket) -> None:
        """The connection to shut down at the deadline: a copy of its socket."""
        with self._guard:
            self._connection = connection
            if self.has_passed:
                _shut_down(connection)

    def earn(self, size: int) -> None:
        """More bytes have arrived, which extends the deadline."""
        self.end += size / SLOWEST

    def pass_by(self) -> None:
        """The deadline has passed."""
        with self._guard:
            self.has_passed = True
            if self._connection is not None:
                _shut_down(self._connection)

    def release(self) -> None:
        """Stop watching: the answer is complete."""
        with self._guard:
            self._connection = None


class Watchdog:
    """Watches the deadlines of all running answers, in a thread that starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Deadline] = set()
        self._thread: threading.Thread | None = None

    def begin(self, seconds: float) -> Deadline:
        """A deadline that is watched until `finish`."""
        deadline = Deadline(seconds)
        with self._changed:
            self._watched.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            if len(self._watched) == 1:
                self._changed.notify()
        return deadline

    def finish(self, deadline: Deadline) -> None:
        """The answer is complete, or was given up."""
        with self._changed:
            self._watched.discard(deadline)
        deadline.release()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = [deadline for deadline in self._watched if deadline.end <= now]
                self._watched.difference_update(late)
                if not late and self._watched:
                    # those that begin meanwhile end later than these
                    self._changed.wait(min(deadline.end for deadline in self._watched) - now)
                elif not late and not self._changed.wait(_LINGER) and not self._watched:
                    self._thread = None
                    return
            for deadline in late:
                deadline.pass_by()


def _shut_down(connection: socket.socket) -> None:
    import socket

    with suppress(OSError):
        # the socket below TLS: a reader there sees only the end of the stream
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
