"""Times in receipts, manifests and reports: UTC, `2026-11-20T10:00:00Z`; such texts sort by time."""

from __future__ import annotations

import time


def now() -> str:
    """The current time."""
    return utc(time.time())


def utc(seconds: float) -> str:
    """The time so many seconds after the start of 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
