"""Parse the output of `uv python list`."""

from __future__ import annotations

import json


def parse_uv_list(text: str) -> tuple[str, ...] | None:
    """The JSON of `uv python list` → the CPythons' paths, or None if it is invalid."""
    try:
        entries = json.loads(text)
    except ValueError:
        return None
    if not isinstance(entries, list):
        return None
    return tuple(
        str(entry["path"])
        for entry in entries
        if isinstance(entry, dict)
        and entry.get("path")
        and entry.get("implementation", "cpython") == "cpython"
        and entry.get("variant", "default") == "default"
    )
