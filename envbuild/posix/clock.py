"""The time as receipts, manifests and reports carry it: UTC, `2026-11-20T10:00:00Z`, which sorts as text."""

from __future__ import annotations

import time


def now() -> str:
    """The time at this moment."""
    return utc(time.time())


def utc(seconds: float) -> str:
    """The time that lies so many seconds after 1970 began."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
