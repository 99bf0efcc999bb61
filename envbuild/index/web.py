"""HTTP over pooled connections: redirects, retries, proxies, and all their failures."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.index.answer import Fault, fault_of_status
from envbuild.index.connections import (
    Deadline,
    Watchdog,
    make_manager,
    proxies_of,
    proxy_for,
    watched_by,
)
from envbuild.index.continued import continued
from envbuild.index.redirects import check_address, check_descent, next_url
from envbuild.index.retrying import LONGEST_PAUSE, retry_after, with_retries
from envbuild.index.web_faults import WebError, body_faults, head_faults
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    import urllib3

    from envbuild.index.continued import Ask

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take."""

READ_TIMEOUT = 30.0
"""Seconds of silence after which an answer is given up, unless the user says otherwise."""

DEADLINE = 300.0
"""Seconds for a whole answer, unless the user says otherwise; see `SLOWEST`."""

CHUNK = 1 << 18
"""Bytes in memory while a body streams."""

RETRIES = 2
"""How often a failed request is repeated, unless the user says otherwise."""

_MOST_REDIRECTS = 10
_LONGEST_NUMBER = 18
"""The most digits of a length; Python refuses to parse thousands."""

_OF_ENCODED = ("Content-Encoding", "Content-Length", "Content-Range", "Accept-Ranges")
"""Headers about the encoded bytes, not about the decoded ones."""


@value
class Request:
    """A request."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    authorization: Callable[[str], str | None] | None = field(default=None, repr=False)
    """URL → the `Authorization` header for it; called again for every redirect."""

    stays: bool = False
    """Whether a redirect to another host or port is refused."""

    source: str | None = None
    """The page's address, if the URL is a link on it."""

    verified: bool = False
    """Whether the caller knows a digest of the answer, so that any way is safe."""


class Reply:
    """A good answer whose body has not been read."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.url = url
        """The final URL."""

        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._decoded = False
        self._continued: Callable[[], Iterator[bytes]] | None = None
        self.limit: int | None = None
        """The most bytes of the body, if the caller knows it; a longer body is a WebError."""

    @property
    def length(self) -> int | None:
        """The body's length in bytes as the server says it, or None."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None

    def undo_compression(self) -> None:
        """Undo the compression of the transport, if there is one.

        The length and the support of ranges are then unknown.
        """
        if self.headers.get("Content-Encoding", "identity").lower() == "identity":
            return
        self._decoded = True
        kept = {name: value for name, value in self.headers.items() if name not in _OF_ENCODED}
        self.headers = kept

    @property
    def host(self) -> str:
        """`host:port` that gave the answer."""
        return urlsplit(self.url).netloc

    def go_on(self, ask: Ask, *, verified: bool, tries: int) -> None:
        """Continue a whole file after its connection breaks, as in `continued`."""
        if self.status == HTTPStatus.OK:
            self._continued = lambda: continued(self, ask, verified=verified, tries=tries)

    def stream(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body, in pieces of limited size; `decoded` undoes a compression of the transport."""
        decoded = decoded or self._decoded
        as_it_is = not decoded and "Content-Encoding" not in self.headers
        going_on = self._continued if as_it_is else None
        size = 0
        for piece in going_on() if going_on is not None else self.pieces(decoded=decoded):
            size += len(piece)
            if self.limit is not None and size > self.limit:
                reason = f"it is longer than {self.limit} bytes"
                raise WebError(Fault.CHANGED, host=self.host, reason=reason)
            yield piece

    def pieces(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body from this one answer."""
        with in_time(self._deadline, self.host), body_faults(self.host):
            for piece in self._response.stream(CHUNK, decode_content=decoded):
                self._deadline.earn(len(piece))
                yield piece

    def read(self, limit: int, *, decoded: bool = False) -> bytes:
        """The whole body; WebError if it is longer than `limit` bytes."""
        too_long = WebError(
            Fault.GARBAGE, host=self.host, reason=f"it is longer than {_size(limit)}"
        )
        if self.length is not None and self.length > limit:
            raise too_long
        body = bytearray()
        for piece in self.stream(decoded=decoded):
            body += piece
            if len(body) > limit:
                raise too_long
        return bytes(body)


class Web:
    """A pool of connections; safe to share between threads."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        read_timeout: float = READ_TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        deadline: float = DEADLINE,
        retries: int = RETRIES,
    ) -> None:
        """`environ` is read for proxies and certificates.

        Times are in seconds, `deadline` for the whole of an answer; `retries` says how often a failed
        request is sent again.
        """
        self._retries = retries
        self._environ = environ
        self._proxies = proxies_of(environ)
        self._read_timeout = read_timeout
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._watchdog = Watchdog()
        self._managers: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, request: Request) -> Generator[Reply]:
        """Send a request; returns a good answer with its body unread, every other is a WebError.

        The download of a whole file is continued if it breaks off.
        """
        with ExitStack() as opened:

            def again(headers: tuple[tuple[str, str], ...]) -> Reply:
                opened.close()  # what broke off
                return self._ask(replace(request, headers=(*request.headers, *headers)), opened)

            reply = with_retries(lambda: self._ask(request, opened), self._retries)
            reply.go_on(again, verified=request.verified, tries=self._retries)
            yield reply

    def fetch(self, request: Request, *, limit: int) -> tuple[Reply, bytes]:
        """Send a request; returns the answer with its whole body, uncompressed."""

        def attempt() -> tuple[Reply, bytes]:
            with ExitStack() as opened:
                reply = self._ask(request, opened)
                return reply, reply.read(limit, decoded=True)

        return with_retries(attempt, self._retries)

    def close(self) -> None:
        """Close every pooled connection."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def _ask(self, request: Request, opened: ExitStack) -> Reply:
        """A good answer, which `opened` closes; every other is a WebError."""
        check_address(request.url, urlsplit(request.source or "").netloc)
        deadline = self._watchdog.begin(self._deadline)
        with ExitStack() as own:
            own.callback(self._watchdog.finish, deadline)
            with in_time(deadline, urlsplit(request.url).netloc):
                response, url = self._follow(request, deadline)
                own.callback(response.close)
            fault = fault_of_status(response.status)
            if fault is not None and not _is_confirmed(request, response.status):
                raise WebError(
                    fault,
                    host=urlsplit(url).netloc,
                    status=response.status,
                    retry_after=retry_after(response.headers),
                )
            opened.push(own.pop_all())
            return Reply(response, url, deadline)

    def _follow(self, request: Request, deadline: Deadline) -> tuple[urllib3.BaseHTTPResponse, str]:
        """The first answer that is no redirect, and its URL."""
        url = request.url
        if request.source is not None and not request.verified:
            check_descent(request.source, url)
        for _ in range(_MOST_REDIRECTS):
            with watched_by(deadline):
                response = self._send(request, url)
            target = response.get_redirect_location()
            if not target:
                return response, url
            response.close()
            url = next_url(url, target, stays=request.stays, verified=request.verified)
        raise WebError(Fault.REDIRECTS, host=urlsplit(url).netloc)

    def _send(self, request: Request, url: str) -> urllib3.BaseHTTPResponse:
        """Send one request without following redirects."""
        import urllib3

        parts = urlsplit(url)
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
        """The pool for the URL's scheme and its proxy."""
        scheme, proxy = urlsplit(url).scheme, proxy_for(url, self._proxies)
        with self._lock:
            if (scheme, proxy) not in self._managers:
                try:
                    self._managers[scheme, proxy] = make_manager(scheme, proxy, self._environ)
                except OSError as error:
                    reason = error.strerror
                    raise WebError(
                        Fault.UNREACHABLE, host=urlsplit(url).netloc, reason=reason
                    ) from error
            return self._managers[scheme, proxy]


def longest_wait(read_timeout: float, deadline: float, retries: int) -> float:
    """Seconds until the last of all attempts at a request is given up."""
    return (retries + 1) * (CONNECT_TIMEOUT + max(read_timeout, deadline)) + retries * LONGEST_PAUSE


@contextmanager
def in_time(deadline: Deadline, host: str) -> Generator[None]:
    """Say of a connection that was cut because its time had come that this is why."""
    reason = f"it was not there as a whole in {deadline.seconds:g} s"
    late = WebError(Fault.TIMED_OUT, host=host, reason=reason, is_final=True)
    try:
        yield
    except WebError as error:
        if deadline.has_passed:
            raise late from error
        raise
    if deadline.has_passed:
        raise late


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"


def _is_confirmed(request: Request, status: int) -> bool:
    """Whether the server says that what the caller has is the answer still (RFC 9110)."""
    return status == HTTPStatus.NOT_MODIFIED and any(
        name in ("If-None-Match", "If-Modified-Since") for name, _ in request.headers
    )
