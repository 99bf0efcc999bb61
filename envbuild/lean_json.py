"""Read JSON without importing `json`, whose regular expressions take longer to import than most verbs take.

The parser is the one that `json` itself uses; on an interpreter without it, `json` reads.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Rules:
    """What `json.loads` decides without further arguments, as the parser wants to be told."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012  (read by the parser written in Python alone)


def read_json(text: str) -> Any:
    """The value of a JSON object's text; ValueError as of `json.loads`."""
    try:
        from _json import make_scanner

        value, end = make_scanner(_Rules)(text, 0)  # type: ignore[arg-type] # it asks for no more
    except (ImportError, AttributeError, TypeError, ValueError, StopIteration):
        end = -1
    if end < 0 or text[end:].strip():
        from json import loads

        return loads(text)
    return value
