"""Values of other tools' TOML, whose types are not checked yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def table_at(document: object, *path: str) -> Mapping[str, object]:
    """The table at a path; empty if there is none."""
    value = document
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def list_at(document: object, *path: str) -> list[object]:
    """The list at a path; empty if there is none."""
    value = table_at(document, *path[:-1]).get(path[-1])
    return value if isinstance(value, list) else []


def texts_at(document: object, *path: str) -> tuple[str, ...]:
    """The strings in the list at a path."""
    return tuple(text for text in list_at(document, *path) if isinstance(text, str))


def text_at(document: object, *path: str) -> str:
    """The string at a path; empty if there is none."""
    value = table_at(document, *path[:-1]).get(path[-1])
    return value if isinstance(value, str) else ""
