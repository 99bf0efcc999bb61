"""Places that a variable's value can name, such as `{env}`: each host puts its own in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDERS = ("env", "site-packages", "python", "cache")
"""The environment's folder, its site-packages, its Python, and a writable folder for the driver."""

CACHE = "cache"
"""The one that only a start can tell: it depends on who starts the driver."""

_PART = re.compile(r"\{(\{[a-z][a-z-]*\})\}|\{([a-z][a-z-]*)\}")
"""`{{name}}`, which stands for `{name}` itself, or a placeholder."""


def unknown_placeholder(text: str) -> str | None:
    """The first name in braces that is not a placeholder; None if there is none."""
    names = (part[2] for part in _PART.finditer(text))
    return next((name for name in names if name and name not in PLACEHOLDERS), None)


def split_at_cache(text: str, places: Mapping[str, str]) -> tuple[str, ...]:
    """The text with all placeholders replaced except `{cache}`, where it is cut into pieces."""
    pieces = [""]
    end = 0
    for part in _PART.finditer(text):
        pieces[-1] += text[end : part.start()]
        end = part.end()
        if part[2] == CACHE:
            pieces.append("")
        else:
            pieces[-1] += part[1] or places[part[2]]
    pieces[-1] += text[end:]
    return tuple(pieces)
