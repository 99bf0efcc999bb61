"""TOML strings, for files that are written without a TOML library."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def toml_string(text: str) -> str:
    """A TOML basic string, on one line.

    JSON's escapes are TOML's, with two exceptions: TOML also escapes DEL, and it has no surrogate pairs.
    """
    return _ENCODE(text).replace("\x7f", "\\u007f")


def toml_list(texts: Iterable[str]) -> str:
    """A TOML list of strings, on one line."""
    return f"[{', '.join(map(toml_string, texts))}]"
