"""A parser for the form of TOML that lockfiles are written in, several times as fast as a full parser.

Any other text is left to `tomllib`, which also has the error messages.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DECODE = json.JSONDecoder().raw_decode
_KEY = re.compile(r"[a-z0-9-]+")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_FILE = re.compile(
    r'  \{ name = "([^"\\]*)", size = (0|[1-9][0-9]{0,17}), sha256 = "([^"\\]*)"'
    r'(?:, targets = \[("[^"\\]*"(?:, "[^"\\]*")*)\])? \},'
)


_LISTS = ("variant", "package", "build", "held-back")
_HEADS = frozenset(f"[[{name}]]" for name in _LISTS)


class _OtherForm(Exception):  # noqa: N818  (no error: the text may well be TOML)
    """The text does not have the form that lockfiles are written in."""


def read_canonical(text: str) -> dict[str, object] | None:
    """The result of `tomllib.loads`, or None for a text of another form."""
    if _CONTROL.search(text):
        return None
    try:
        return _document(text)
    except (_OtherForm, StopIteration, ValueError):
        return None


def _document(text: str) -> dict[str, object]:
    root: dict[str, object] = {}
    lists: dict[str, list[dict[str, object]]] = {name: [] for name in _LISTS}
    table = root
    lines = iter(text.split("\n"))
    for line in lines:
        if not line or line[0] == "#":
            continue
        if line in _HEADS:
            table = {}
            lists[line[2:-2]].append(table)
        elif line == "[inputs]":
            table = {}
            _put(root, "inputs", table)
        else:
            key, separator, rest = line.partition(" = ")
            if not separator:
                raise _OtherForm
            _assign(table, key, _value(rest, lines))
    for name, tables in lists.items():
        if tables:
            _put(root, name, tables)
    return root


def _assign(table: dict[str, object], key: str, value: object) -> None:
    if _KEY.fullmatch(key):
        _put(table, key, value)
        return
    prefix, _, name = key.partition(".")
    if prefix != "indexes":
        raise _OtherForm
    inner = table.setdefault("indexes", {})
    if not isinstance(inner, dict):
        raise _OtherForm
    _put(inner, _string(name), value)


def _put(table: dict[str, object], key: str, value: object) -> None:
    if key in table:
        raise _OtherForm
    table[key] = value


def _value(rest: str, lines: Iterator[str]) -> object:
    if rest[:1] == '"':
        return _string(rest)
    if rest == "[":
        return list(_items(lines))
    if rest[:1] == "[" and rest[-1:] == "]":
        return [_string(rest[1:-1])] if len(rest) > 2 else []
    if _NUMBER.fullmatch(rest):
        return int(rest)
    raise _OtherForm


def _items(lines: Iterator[str]) -> Iterator[object]:
    """The lines of a list up to its closing bracket."""
    for line in lines:
        if line == "]":
            return
        if line[:3] == '  "' and line[-1:] == ",":
            yield _string(line[2:-1])
        else:
            yield _file(line)
    raise _OtherForm


def _file(line: str) -> dict[str, object]:
    match = _FILE.fullmatch(line)
    if match is None:
        raise _OtherForm
    name, size, sha256, targets = match.groups()
    found: dict[str, object] = {"name": name, "size": int(size), "sha256": sha256}
    if targets is not None:
        found["targets"] = targets[1:-1].split('", "')
    return found


def _string(token: str) -> str:
    """A TOML basic string; its escapes, if any, must be valid in JSON too."""
    if len(token) < 2 or token[0] != '"' or token[-1] != '"':
        raise _OtherForm
    inner = token[1:-1]
    if "\\" not in inner and '"' not in inner:
        return inner
    if "\\/" in inner:  # JSON knows this escape, TOML does not
        raise _OtherForm
    value, end = _DECODE(token)
    if end != len(token) or not isinstance(value, str):
        raise _OtherForm
    value.encode()  # JSON lets half a surrogate pair through, TOML does not
    return value
