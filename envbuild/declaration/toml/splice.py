"""Change one value, key or table of a TOML text; every other line stays as it is.

The texts are those that `tomllib` accepts; values are given as TOML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.toml.positions import Path, locate, render_path

if TYPE_CHECKING:
    from envbuild.declaration.toml.positions import Positions, Statement

_COMMA = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*,")
_INDENT = re.compile(r"[ \t]*")
_ALONE = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_BLANK_LINES = re.compile(r"(?:(?:(?<=\n)|\A)[ \t]*\r?\n)*\Z")
_BLANK_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")


def with_value(text: str, path: Path, value: str) -> str:
    """The text with a value at a path, in place of the old one, or in the table that it belongs to.

    A parent that does not exist becomes an inline table. ValueError if a parent is not a table.
    """
    found = locate(text)
    if path in found.values:
        return _spliced(text, *found.values[path], value)
    base = _nearest(found, path)
    missing = path[len(base) + 1 :]
    if missing:
        value = f"{{ {render_path(missing)} = {value} }}"
    path = path[: len(base) + 1]
    if path in found.starts:
        return with_value(without_table(text, path), path, value)
    inline = next((path[:end] for end in range(len(base), 0, -1) if path[:end] in found.values), ())
    if inline:
        return _with_inline_pair(found, inline, f"{render_path(path[len(inline) :])} = {value}")
    return _with_pair(found, path, value)


def with_element(text: str, path: Path, value: str) -> str:
    """The text with a value at the end of an array."""
    found = locate(text)
    items = _elements(found, path)
    start, end = found.values[path]
    if not items:
        if "\n" not in text[start:end]:
            return _spliced(text, start, end, f"[{value}]")
        line = f"{_indent(text, start)}    {value},{_line_end(text)}"
        return _spliced(text, *_before_closing_line(text, end), line)
    last = items[-1][1]
    comma = _COMMA.match(text, last)
    after = comma.end() if comma else last
    if "\n" not in text[after : end - 1]:
        return _spliced(text, after, after, f"{'' if comma else ','} {value}")
    line = f"{_indent(text, items[-1][0])}{value}{',' if comma else ''}{_line_end(text)}"
    if comma is None:
        text = _spliced(text, last, last, ",")
        after = last + 1
    at = text.index("\n", after) + 1
    return _spliced(text, at, at, line)


def without_element(text: str, path: Path) -> str:
    """The text without one element of an array, whose path ends with its index."""
    found = locate(text)
    items = _elements(found, path[:-1])
    return _without_item(text, items, int(path[-1]))


def without_table(text: str, path: Path) -> str:
    """The text without a table, wherever its keys are; comments above it stay."""
    found = locate(text)
    for start, end in reversed(_runs(found.statements, path)):
        text = _without_lines(text, start, end)
    while inside := [one for one in locate(text).inline_pairs if _is_below(one.path, path)]:
        outer = min(inside, key=lambda one: len(one.table))
        items = _inline_items(locate(text), outer.table)
        text = _without_item(text, items, items.index((outer.start, outer.end)))
    return text


def _nearest(found: Positions, path: Path) -> Path:
    """The nearest parent that exists; it is a table."""
    base = path[:-1]
    while base and base not in found.starts:
        base = base[:-1]
    if base in found.values and found.text[found.values[base][0]] != "{":
        raise ValueError(f"{render_path(base)} is not a table, so it has no keys")
    return base


def _with_pair(found: Positions, path: Path, value: str) -> str:
    """The text with a new key in a table that has a header, or keys with dots, or only tables in it."""
    text, base = found.text, path[:-1]
    header, pairs = _section(found, base)
    if header is None and not pairs:
        if not base:
            return f"{render_path(path)} = {value}{_line_end(text)}{text}"
        first = next(one for one in found.statements if _is_below(one.path, base))
        indent = _indent(text, first.start)
        lines = (f"[{render_path(base)}]", f"{render_path(path[-1:])} = {value}", "")
        table = "".join(f"{indent if line else ''}{line}{_line_end(text)}" for line in lines)
        return _spliced(text, first.start, first.start, table)
    anchor = pairs[-1] if pairs else header
    assert anchor is not None
    line = f"{_indent(text, anchor.start)}{render_path(path[len(anchor.table) :])} = {value}"
    before = "" if text[: anchor.end].endswith("\n") else _line_end(text)
    return _spliced(text, anchor.end, anchor.end, f"{before}{line}{_line_end(text)}")


def _section(found: Positions, base: Path) -> tuple[Statement | None, list[Statement]]:
    """A table's header, and the pairs after which another of its keys may be written."""
    headers = (one for one in found.statements if one.is_header and one.path == base)
    header = next(headers, None)
    if header is not None:
        return header, [one for one in _pairs(found) if one.table == base]
    dotted = [one for one in _pairs(found) if len(one.table) < max(len(base), 1)]
    return None, [one for one in dotted if _is_below(one.path, base)]


def _pairs(found: Positions) -> list[Statement]:
    return [one for one in found.statements if not one.is_header]


def _is_below(path: Path, base: Path) -> bool:
    return path[: len(base)] == base


def _with_inline_pair(found: Positions, base: Path, pair: str) -> str:
    start, end = found.values[base]
    items = _inline_items(found, base)
    if not items:
        return _spliced(found.text, start, end, f"{{ {pair} }}")
    last = items[-1][1]
    return _spliced(found.text, last, last, f", {pair}")


def _inline_items(found: Positions, table: Path) -> list[tuple[int, int]]:
    """Where each pair of an inline table starts, and after it."""
    return [(one.start, one.end) for one in found.inline_pairs if one.table == table]


def _elements(found: Positions, array: Path) -> list[tuple[int, int]]:
    """Where each element of an array starts, and after it."""
    items: list[tuple[int, int]] = []
    while (*array, len(items)) in found.values:
        items.append(found.values[(*array, len(items))])
    return items


def _without_item(text: str, items: list[tuple[int, int]], index: int) -> str:
    """The text without one of the items between commas."""
    start, end = items[index]
    comma = _COMMA.match(text, end)
    after = comma.end() if comma else end
    line = text.rfind("\n", 0, start) + 1
    rest = _ALONE.match(text, after)
    if not text[line:start].strip() and rest is not None:
        return text[:line] + text[rest.end() :]
    if index + 1 < len(items):
        following = items[index + 1][0]
        return _spliced(text, start, after if _has_lines(text[end:following]) else following, "")
    if index and comma is None and not _has_lines(text[items[index - 1][1] : start]):
        return _spliced(text, items[index - 1][1], end, "")
    return _spliced(text, start, after, "")


def _has_lines(between: str) -> bool:
    return "\n" in between


def _runs(statements: tuple[Statement, ...], path: Path) -> list[tuple[int, int]]:
    """Where consecutive statements of a table start and end."""
    runs: list[tuple[int, int]] = []
    follows = False
    for one in statements:
        if _is_below(one.path, path):
            start = runs.pop()[0] if follows else one.start
            runs.append((start, one.end))
        follows = _is_below(one.path, path)
    return runs


def _without_lines(text: str, start: int, end: int) -> str:
    """The text without these lines, and without the blank lines before them if others follow."""
    before, after = text[:start], text[end:]
    if _BLANK_LINE.match(after) is not None:
        kept = before[: _blank_from(before)]
        before = kept or before
    return before + after


def _blank_from(text: str) -> int:
    match = _BLANK_LINES.search(text)
    assert match is not None
    return match.start()


def _before_closing_line(text: str, end: int) -> tuple[int, int]:
    """The place of a new line before an array's closing bracket, which ends at `end`."""
    line = text.rfind("\n", 0, end) + 1
    return (line, line) if not text[line : end - 1].strip() else (end - 1, end - 1)


def _indent(text: str, at: int) -> str:
    """The blanks at the start of the line of an offset."""
    match = _INDENT.match(text, text.rfind("\n", 0, at) + 1)
    assert match is not None
    return match[0]


def _line_end(text: str) -> str:
    """The text's own end of a line."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
