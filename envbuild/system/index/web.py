"""HTTP over pooled connections: redirects, retries, proxies, and every way in which it can fail."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from envbuild.system.index.answer import Fault, fault_of_status
from envbuild.system.index.web_faults import WebError, body_faults, head_faults
from envbuild.value import field, value

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator, Mapping

    import urllib3

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take."""

READ_TIMEOUT = 30.0
"""Seconds of silence in which an answer is given up, unless the user says otherwise."""

CHUNK = 1 << 18
"""Bytes that are held at a time while a body streams."""

_PAUSES = (0.2, 0.6)
"""Seconds before the second and the third attempt."""

_WORTH_ANOTHER_TRY = (Fault.UNREACHABLE, Fault.SERVER_ERROR, Fault.TRUNCATED)
_MOST_REDIRECTS = 10
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the certificates they trust, for a Python that was built for another one."""

_OF_ENCODED = ("Content-Encoding", "Content-Length", "Content-Range", "Accept-Ranges")
"""What an answer says of its bytes as they come, and not of what they are decoded into."""

T = TypeVar("T")


@value
class Request:
    """What to ask for."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    authorization: Callable[[str], str | None] | None = field(default=None, repr=False)
    """URL → the `Authorization` header to send there; asked anew for every redirect."""

    stays: bool = False
    """Whether a redirect to another host is refused instead of followed."""


class Reply:
    """A good answer whose body is still to be read."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response = response
        self.url = url
        """Where it was found in the end."""

        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._decoded = False

    @property
    def length(self) -> int | None:
        """The body's length in bytes as the server says it, or None."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    def undo_compression(self) -> None:
        """Give the body as it was before its server compressed it for the transport, if it did.

        How long it is, and whether spans of it can be had, is then not known any more.
        """
        if self.headers.get("Content-Encoding", "identity").lower() == "identity":
            return
        self._decoded = True
        kept = {name: value for name, value in self.headers.items() if name not in _OF_ENCODED}
        self.headers = kept

    def stream(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body, a bounded piece at a time; `decoded` undoes a compression of the transport."""
        host = urlsplit(self.url).netloc
        with body_faults(host):
            yield from self._response.stream(CHUNK, decode_content=decoded or self._decoded)

    def read(self, limit: int, *, decoded: bool = False) -> bytes:
        """The whole body; WebError where it is longer than `limit` bytes."""
        body = bytearray()
        for piece in self.stream(decoded=decoded):
            body += piece
            if len(body) > limit:
                host = urlsplit(self.url).netloc
                raise WebError(Fault.GARBAGE, host=host, reason="it is too long")
        return bytes(body)


class Web:
    """A pool of connections; safe to share between threads."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        read_timeout: float = READ_TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self._proxies = proxies_of(environ)
        self._read_timeout = read_timeout
        self._connect_timeout = connect_timeout
        self._managers: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, request: Request) -> Generator[Reply]:
        """Ask, and give a good answer with its body unread; every other is a WebError."""
        reply, response = _with_retries(lambda: self._ask(request))
        try:
            yield reply
        finally:
            response.close()

    def fetch(self, request: Request, *, limit: int) -> tuple[Reply, bytes]:
        """Ask, and give the answer with its whole body, any compression of the transport undone."""

        def attempt() -> tuple[Reply, bytes]:
            reply, response = self._ask(request)
            try:
                return reply, reply.read(limit, decoded=True)
            finally:
                response.close()

        return _with_retries(attempt)

    def close(self) -> None:
        """Close every pooled connection."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def _ask(self, request: Request) -> tuple[Reply, urllib3.BaseHTTPResponse]:
        url = request.url
        for _ in range(_MOST_REDIRECTS):
            response = self._send(request, url)
            target = response.get_redirect_location()
            if not target:
                break
            response.close()
            url = _next(url, target, stays=request.stays)
        else:
            raise WebError(Fault.REDIRECTS, host=urlsplit(url).netloc)
        fault = fault_of_status(response.status)
        if fault is not None and not _is_confirmed(request, response.status):
            response.close()
            raise WebError(fault, host=urlsplit(url).netloc, status=response.status)
        return Reply(response, url), response

    def _send(self, request: Request, url: str) -> urllib3.BaseHTTPResponse:
        """Send one request, following nothing."""
        import urllib3

        parts = urlsplit(url)
        _check_scheme(url, parts.netloc)
        headers = {"User-Agent": "envbuild", **dict(request.headers)}
        authorization = request.authorization(url) if request.authorization else None
        if authorization is not None:
            headers["Authorization"] = authorization
        with head_faults(parts.netloc, self._connect_timeout, self._read_timeout):
            return self._manager(url).request(
                request.method,
                url,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=self._connect_timeout, read=self._read_timeout),
            )

    def _manager(self, url: str) -> urllib3.PoolManager:
        """The pool for the URL's scheme and the proxy that leads there."""
        scheme, proxy = urlsplit(url).scheme, proxy_for(url, self._proxies)
        with self._lock:
            if (scheme, proxy) not in self._managers:
                self._managers[scheme, proxy] = _make_manager(scheme, proxy)
            return self._managers[scheme, proxy]


def _is_confirmed(request: Request, status: int) -> bool:
    """Whether the server says that what the caller has is the answer still (RFC 9110)."""
    return status == HTTPStatus.NOT_MODIFIED and any(
        name == "If-None-Match" for name, _ in request.headers
    )


def _next(url: str, target: str, *, stays: bool) -> str:
    """Where a redirect leads; WebError where it may not lead there."""
    found = urljoin(url, target)
    _check_scheme(found, urlsplit(url).netloc)
    if stays and urlsplit(found).hostname != urlsplit(url).hostname:
        reason = f"it redirects to {urlsplit(found).hostname}"
        raise WebError(Fault.LED_AWAY, host=urlsplit(url).netloc, reason=reason)
    return found


def _check_scheme(url: str, host: str) -> None:
    """Refuse addresses that an index may give, but that are none of the web."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        reason = f"it leads to a {parts.scheme or 'relative'} address"
        raise WebError(Fault.GARBAGE, host=host, reason=reason)


def proxies_of(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What an environment says of proxies, by the variable's name in lower case."""
    return {key.lower(): value for key, value in environ.items() if key.lower().endswith("_proxy")}


def proxy_for(url: str, known: Mapping[str, str]) -> str | None:
    """The proxy that an environment's `proxies_of` name for a URL, as curl and uv read it, or None."""
    import urllib.request

    parts = urlsplit(url)
    exempt = {"no": known.get("no_proxy", "")}
    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined] # not in the stub
    if exempt["no"] and bypass(parts.netloc, exempt):
        return None
    proxy = known.get(f"{parts.scheme}_proxy") or known.get("all_proxy")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _make_manager(scheme: str, proxy: str | None) -> urllib3.PoolManager:
    import urllib3

    context = _trust() if scheme == "https" or (proxy or "").startswith("https:") else None
    if proxy is None:
        return urllib3.PoolManager(num_pools=8, maxsize=32, ssl_context=context)
    parts = urlsplit(proxy)
    login = f"{parts.username}:{parts.password or ''}" if parts.username else None
    return urllib3.ProxyManager(
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        num_pools=8,
        maxsize=32,
        ssl_context=context,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
    )


def _trust() -> ssl.SSLContext:
    """What the host's own certificate store vouches for."""
    import os
    import ssl

    context = ssl.create_default_context()
    if not context.get_ca_certs() and not ssl.get_default_verify_paths().capath:
        for bundle in filter(os.path.exists, _BUNDLES):
            context.load_verify_locations(bundle)
            break
    return context


def _with_retries(attempt: Callable[[], T]) -> T:
    """Try three times where a connection or a server failed, once where the answer is clear."""
    for pause in _PAUSES:
        try:
            return attempt()
        except WebError as error:
            if error.fault not in _WORTH_ANOTHER_TRY:
                raise
        time.sleep(pause)
    return attempt()
