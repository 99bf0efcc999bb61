"""Pools of connections, which close when the deadline of an answer has passed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.index.certificates import trusted_certificates
from envbuild.index.host_addresses import HostAddresses

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator, Mapping
    from typing import Any

    import urllib3

    from envbuild.index.deadline import Deadline


_here = threading.local()
"""`deadline`: that of the request that this thread sends."""


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
    context = trusted_certificates(environ) if secure else None
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

    class Connection(_Watched, _LookedUp, HTTPConnection):
        pass

    class SecureConnection(_Watched, _LookedUp, HTTPSConnection):
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


_addresses = HostAddresses()


class _LookedUp:
    """A connection that takes the addresses of its host from those that were looked up."""

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; the errors are those of urllib3."""
        from urllib3 import exceptions as known
        from urllib3.util.connection import create_connection

        own: Any = self
        try:
            places = _addresses.of(own.host.strip("[]"), own.port)
        except UnicodeError:
            raise known.LocationParseError(f"{own.host!r}, label empty or too long") from None
        except OSError as error:
            raise known.NameResolutionError(own.host, own, error) from error  # type: ignore[arg-type]
        failure: Exception | None = None
        for place in places:
            try:
                options = own.source_address, own.socket_options
                return create_connection((place, own.port), own.timeout, *options)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise known.ConnectTimeoutError(own, "no connection in time") from failure
        raise known.NewConnectionError(own, str(failure)) from failure


def _watch(connection: socket.socket | None) -> None:
    deadline: Deadline | None = getattr(_here, "deadline", None)
    if deadline is not None and connection is not None:
        deadline.watch(connection)
