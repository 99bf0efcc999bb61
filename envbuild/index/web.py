"""HTTP over pooled connections: redirects, retries, proxies, and all their failures."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from envbuild.index.answer import Fault, fault_of_status
from envbuild.index.connections import make_manager, watched_by
from envbuild.index.continued import continued
from envbuild.index.deadline import Watchdog
from envbuild.index.proxies import proxies_of, proxy_for
from envbuild.index.redirects import check_address, check_descent, next_url
from envbuild.index.reply import Reply, in_time
from envbuild.index.retrying import LONGEST_PAUSE, retry_after, with_retries
from envbuild.index.web_faults import WebError, head_faults
from envbuild.posix.trace import TRACE
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import BinaryIO

    import urllib3

    from envbuild.index.deadline import Deadline

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take."""

READ_TIMEOUT = 30.0
"""Seconds of silence after which an answer is given up, unless the user says otherwise."""

DEADLINE = 300.0
"""Seconds for a whole answer, unless the user says otherwise; see `SLOWEST`."""

RETRIES = 2
"""How often a failed request is repeated, unless the user says otherwise."""

_MOST_REDIRECTS = 10


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

    body: Callable[[], BinaryIO] | None = field(default=None, repr=False)
    """Opens what is sent; called again for every attempt. Its length is among the headers."""


class Web:
    """A pool of connections; safe to share between threads."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        read_timeout: float = READ_TIMEOUT,
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
        self._deadline = deadline
        self._watchdog = Watchdog()
        self._managers: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, request: Request) -> Generator[Reply]:
        """Send a request; returns a good answer with its body unread, every other is a WebError.

        The body of a file, or of a part of it, is continued if it breaks off.
        """
        with ExitStack() as opened:

            def again(headers: tuple[tuple[str, str], ...]) -> Reply:
                opened.close()  # what broke off
                return self._ask(replace(request, headers=(*request.headers, *headers)), opened)

            reply = with_retries(lambda: self._ask(request, opened), self._retries)
            if reply.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                # parts are put together without a digest, and what is in them is checked by the caller
                verified = request.verified or reply.status == HTTPStatus.PARTIAL_CONTENT
                tries = self._retries
                reply.lasting = lambda: continued(reply, again, verified=verified, tries=tries)
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
                    challenge=response.headers.get("WWW-Authenticate"),
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
                response = self._send(request, url, deadline)
            target = response.get_redirect_location()
            if not target:
                return response, url
            response.close()
            url = next_url(url, target, stays=request.stays, verified=request.verified)
        raise WebError(Fault.REDIRECTS, host=urlsplit(url).netloc)

    def _send(self, request: Request, url: str, deadline: Deadline) -> urllib3.BaseHTTPResponse:
        """Send one request without following redirects."""
        import urllib3

        parts = urlsplit(url)
        headers = {"User-Agent": "envbuild", **dict(request.headers)}
        authorization = request.authorization(url) if request.authorization else None
        if authorization is not None:
            headers["Authorization"] = authorization
        with (
            ExitStack() as held,
            head_faults(parts.netloc, CONNECT_TIMEOUT, self._read_timeout),
        ):
            body = None
            if request.body is not None:
                body = _Sent(held.enter_context(request.body()), deadline)
            response = self._manager(url).request(
                request.method,
                url,
                body=cast("BinaryIO | None", body),
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=self._read_timeout),
            )
        TRACE.asked(request.method, url, response.status)
        return response

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


class _Sent:
    """A body on its way; each piece extends the deadline."""

    def __init__(self, stream: BinaryIO, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        piece = self._stream.read(size)
        self._deadline.earn(len(piece))
        return piece


def longest_wait(read_timeout: float, deadline: float, retries: int) -> float:
    """Seconds until the last of all attempts at a request is given up."""
    return (retries + 1) * (CONNECT_TIMEOUT + max(read_timeout, deadline)) + retries * LONGEST_PAUSE


def _is_confirmed(request: Request, status: int) -> bool:
    """Whether the server says that what the caller has is the answer still (RFC 9110)."""
    return status == HTTPStatus.NOT_MODIFIED and any(
        name in ("If-None-Match", "If-Modified-Since") for name, _ in request.headers
    )
