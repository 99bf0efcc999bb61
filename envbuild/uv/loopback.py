"""What uv is told of what envbuild serves on loopback: to ask no proxy for it, and to wait for it."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MARGIN = 5.0
"""Seconds that uv waits longer than envbuild waits for an index, so that uv gets the error."""


def patience_beyond(patience: float) -> str:
    """`$UV_HTTP_TIMEOUT`, in whole seconds, for a server that waits `patience` seconds for an index."""
    return str(math.ceil(patience + _MARGIN))


def exempt_from_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Exempt the router from the user's proxy, in addition to the hosts that are exempt already."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = ",".join(part for part in (known, "127.0.0.1") if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}
