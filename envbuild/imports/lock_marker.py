"""Markers of `pylock.toml`, which can also name extras and dependency groups (PEP 751)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_OPERAND = r"(?:\"[^\"]*+\"|'[^']*+'|[A-Za-z_.]++)"
_TOKEN = re.compile(
    rf"[()]|\b(?:and|or)\b(?!\s*+[<>=!~])|{_OPERAND}\s*+(?:not\s++in|in|[<>=!~]++)\s*+{_OPERAND}"
)
_ASKED = re.compile(
    r"[\"'](?P<name>[^\"']*+)[\"']\s*+(?P<no>not\s++)?in\s++(?P<of>extras|dependency_groups)"
)
_LONGEST = 2000
_MOST_PARENTHESES = 50


def settle_marker(text: str, chosen: Mapping[str, Collection[str]]) -> str | bool:
    """The marker without its questions for extras and groups; True if nothing is left to ask, False if it is not met.

    `chosen` has normalised names for `extras` and `dependency_groups`.
    A text that names neither, or is not a marker, is returned as it is.
    """
    odd = len(text) > _LONGEST or text.count("(") > _MOST_PARENTHESES
    if odd or _ASKED.search(text) is None:
        return text
    try:
        tokens = _TOKEN.findall(str(Marker(text)))
    except InvalidMarker:
        return text
    settled = _joined(tokens, "or", chosen)
    return str(Marker(settled)) if isinstance(settled, str) else settled


def _joined(tokens: list[str], word: str, chosen: Mapping[str, Collection[str]]) -> str | bool:
    """What `or`, or within it `and`, joins at the start of the tokens, which are taken away."""
    decides = word == "or"
    read: Callable[[], str | bool] = (
        (lambda: _joined(tokens, "and", chosen)) if decides else (lambda: _one(tokens, chosen))
    )
    parts = [read()]
    while tokens and tokens[0] == word:
        tokens.pop(0)
        parts.append(read())
    if decides in parts:
        return decides
    texts = [part for part in parts if isinstance(part, str)]
    return f"({f' {word} '.join(texts)})" if texts else not decides


def _one(tokens: list[str], chosen: Mapping[str, Collection[str]]) -> str | bool:
    token = tokens.pop(0)
    if token == "(":  # noqa: S105 - of a marker
        inner = _joined(tokens, "or", chosen)
        tokens.pop(0)
        return inner
    asked = _ASKED.fullmatch(token)
    if asked is None:
        return token
    return (canonicalize_name(asked["name"]) in chosen[asked["of"]]) is not bool(asked["no"])
