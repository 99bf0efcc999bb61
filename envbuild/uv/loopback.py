"""What uv is told where envbuild itself serves it, on loopback."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MARGIN = 5.0
"""Seconds that uv waits beyond what envbuild waits for an index, so that uv hears why it failed."""


def patience_beyond(patience: float) -> str:
    """`$UV_HTTP_TIMEOUT`, in whole seconds, for a server that waits `patience` seconds for an index."""
    return str(math.ceil(patience + _MARGIN))


def exempt_from_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the router out of the user's proxy, beside what is kept out already."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = ",".join(part for part in (known, "127.0.0.1") if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}
