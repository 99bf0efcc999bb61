"""Parse TOML of strangers: refuse first what `tomllib` would accept and take too long for."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_DEEPEST_KEY = 24
_LARGEST = 1 << 63
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*"""
_DEEP_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:{_PART}){{{_DEEPEST_KEY - 1}}}")


def load_toml(text: str) -> dict[str, Any]:
    """The result of `tomllib.loads`, in time and memory proportional to the text.

    ValueError as in `tomllib`, and for dotted keys of more than two dozen parts and integers
    beyond 64 bits, which TOML does not promise; RecursionError for too deep nesting.
    """
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        column = deep.start() - text.rfind("\n", 0, deep.start())
        words = f"a key has more than {_DEEPEST_KEY} parts"
        raise tomllib.TOMLDecodeError(f"{words} (at line {line}, column {column})")
    document = tomllib.loads(text)
    _check_integers(document)
    return document


def _check_integers(document: dict[str, Any]) -> None:
    waiting: list[object] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise ValueError("an integer has more than 64 bits")
