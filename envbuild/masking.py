"""Addresses without secrets: no user, no password, no signature."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^\s/?#@\"'<>]++@")
_QUERY = re.compile(r"(?<=://)([^\s?\"'<>]++)\?[^\s\"'<>]++")


def masked(text: str) -> str:
    """The text with `…` for the user, password and query (`?sig=`, `token=`) of each address in it."""
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1?…", _LOGIN.sub("…@", text))
