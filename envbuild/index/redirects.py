"""Which redirects are allowed: content without a known digest is never fetched less safely than requested."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from envbuild.index.answer import Fault
from envbuild.index.web_faults import WebError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_PORTS = {"http": 80, "https": 443}


def next_url(url: str, target: str, *, stays: bool, verified: bool) -> str:
    """The target of a redirect; WebError if it is not allowed.

    `stays` refuses another host or port; `verified` says that a digest of the content is known.
    """
    host = urlsplit(url).netloc
    try:
        found = urljoin(url, target)
    except ValueError:
        raise WebError(Fault.GARBAGE, host=host, reason="it has no target address") from None
    check_address(found, host)
    if not verified:
        check_descent(url, found)
    if stays and _place(urlsplit(url)) != _place(urlsplit(found)):
        reason = f"it redirects to {urlsplit(found).netloc.rpartition('@')[2]}"
        raise WebError(Fault.LED_AWAY, host=host, reason=reason)
    return found


def check_address(url: str, host: str) -> None:
    """Refuse addresses that are not on the web."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in _PORTS and bool(parts.hostname) and _port(parts) > 0
    except ValueError:
        raise WebError(Fault.GARBAGE, host=host, reason="it has no target address") from None
    if not known:
        reason = f"it leads to a {parts.scheme or 'relative'} address"
        raise WebError(Fault.GARBAGE, host=host, reason=reason)


def check_descent(source: str, target: str) -> None:
    """Refuse a step from https to another scheme, or to an unusual port."""
    came, goes = urlsplit(source), urlsplit(target)
    if came.scheme != "https":
        return
    if goes.scheme != "https":
        raise WebError(Fault.UNSAFE, host=came.netloc, reason="from https to http")
    if _port(goes) not in (_port(came), _PORTS["https"]):
        raise WebError(Fault.UNSAFE, host=came.netloc, reason=f"to another port, {goes.port}")


def _place(parts: SplitResult) -> tuple[str | None, int]:
    """Host and port; the usual ports of http and https count as the same."""
    port = _port(parts)
    return parts.hostname, 443 if port == 80 else port


def _port(parts: SplitResult) -> int:
    return _PORTS[parts.scheme] if parts.port is None else parts.port
