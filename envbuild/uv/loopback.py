"""Proxy settings for uv: no proxy for envbuild's servers on loopback, and no plain http to other hosts."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MARGIN = 5.0
"""Seconds that uv waits longer than envbuild waits for an index, so that uv gets the error."""

_NOBODY = "http://127.0.0.1:0"
"""A proxy that cannot exist: connections to port 0 are always refused."""


def patience_beyond(patience: float) -> str:
    """`$UV_HTTP_TIMEOUT`, in whole seconds, for a server that waits `patience` seconds for an index."""
    return str(math.ceil(patience + _MARGIN))


def exempt_from_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Exempt the router from the user's proxy, in addition to the hosts that are exempt already."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = ",".join(part for part in (known, "127.0.0.1") if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}


def closed_to_http(environ: Mapping[str, str], *, router: bool) -> dict[str, str]:
    """Let uv use plain http for the router only, even after redirects.

    uv follows redirects by itself; its other http requests go to a proxy that does not exist.
    The user's proxy for https stays, with the hosts that he exempts from it.
    """
    proxied = any(environ.get(name) for name in _HTTPS_PROXIES)
    exempt = exempt_from_proxy(environ if proxied else {}) if router else {}
    if not router and not proxied:
        exempt = {"NO_PROXY": "", "no_proxy": ""}
    return {"HTTP_PROXY": _NOBODY, "http_proxy": _NOBODY, **exempt}


_HTTPS_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
