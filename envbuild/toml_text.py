"""TOML strings, for files that are written without a TOML library."""

from __future__ import annotations

import json

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def toml_string(text: str) -> str:
    """A TOML basic string, on one line.

    JSON's escapes are TOML's, with two exceptions: TOML also escapes DEL, and it has no surrogate pairs.
    """
    return _ENCODE(text).replace("\x7f", "\\u007f")
