"""A result with what prints it, and the same result with other texts in every place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.finding import Code, Finding
from envbuild.lockfile.difference import Change
from envbuild.target.target import Host, Platform, Target
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable


_OF_OURS = frozenset(
    {
        *("error", "warning", "note", "changed", "added", "removed", "moved", "same", "requires"),
        *("constraint", "above", "exact", "stable", "stale-lockfile", "missing", "source"),
    }
)
"""Words that the program itself chooses among."""

_WHOLE = (Target, Platform, Host)
"""Values that are parsed and checked before a report sees them."""

_SEVERAL_LINES = ("detail", "words", "output", "text")
"""Texts that are shown line by line."""


class Report(NamedTuple):
    """A result with what prints it."""

    name: str
    result: Any
    text: Callable[[Any], str]
    table: Callable[[Any], dict[str, object]]


def with_texts(value: Any, change: Callable[[str], str], field: str = "") -> Any:
    """The value with every text in it changed, keys of mappings too."""
    if isinstance(value, str):
        if value in _OF_OURS:
            return value
        changed = change(value)
        return "".join(changed.splitlines()) if field in _SEVERAL_LINES else changed
    if isinstance(value, Mapping):
        return {
            with_texts(key, change, key): with_texts(inner, change, key)
            for key, inner in value.items()
        }
    if isinstance(value, _WHOLE) or field == "versions":
        return value
    if isinstance(value, Change):  # whose versions were parsed
        return replace(value, package=change(value.package))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[with_texts(inner, change) for inner in value])
    if isinstance(value, tuple):
        return tuple(with_texts(inner, change, field) for inner in value)
    fields = getattr(type(value), "__value_fields__", None)
    if fields is None:
        return value
    return type(value)(**{name: with_texts(getattr(value, name), change, name) for name in fields})


FINDING = Finding(
    code=Code.STALE_LOCKFILE,
    subject="app",
    message="it is stale",
    path="a.toml",
    line=3,
    hint="lock",
)
