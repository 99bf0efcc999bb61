"""What uv is told about proxies: none for what envbuild serves on loopback, and none that answers for plain http."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MARGIN = 5.0
"""Seconds that uv waits beyond what envbuild waits for an index, so that uv hears why it failed."""

_NOBODY = "http://127.0.0.1:0"
"""A proxy that no process can be: every connection to port 0 is refused."""


def patience_beyond(patience: float) -> str:
    """`$UV_HTTP_TIMEOUT`, in whole seconds, for a server that waits `patience` seconds for an index."""
    return str(math.ceil(patience + _MARGIN))


def exempt_from_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the router out of the user's proxy, beside what is kept out already."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = ",".join(part for part in (known, "127.0.0.1") if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}


def closed_to_http(environ: Mapping[str, str], *, router: bool) -> dict[str, str]:
    """Let uv ask nobody over plain http but the router, wherever an index leads it.

    uv follows redirects by itself. Its requests over http go to a proxy that is not there.
    The user's proxy for https stays, and with it the hosts that he exempts from it.
    """
    proxied = any(environ.get(name) for name in _HTTPS_PROXIES)
    exempt = exempt_from_proxy(environ if proxied else {}) if router else {}
    if not router and not proxied:
        exempt = {"NO_PROXY": "", "no_proxy": ""}
    return {"HTTP_PROXY": _NOBODY, "http_proxy": _NOBODY, **exempt}


_HTTPS_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
