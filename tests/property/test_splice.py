"""Edits of TOML texts, against the same change of what `tomllib` reads."""

from __future__ import annotations

import copy
import tomllib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given
from hypothesis import strategies as st

from envbuild.declaration.toml.positions import locate
from envbuild.declaration.toml.splice import (
    with_element,
    with_value,
    without_element,
    without_table,
)
from tests.property.toml_layouts import layouts, paths

if TYPE_CHECKING:
    from envbuild.declaration.toml.positions import Path


def at(document: Any, path: Path) -> Any:
    """What is at a path."""
    for step in path:
        document = document[step]
    return document


def kept_lines(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """The lines of a text that no span touches, without blank ones."""
    kept, start = [], 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        if line.strip() and not any(a < end and start < max(b, a + 1) for a, b in spans):
            kept.append(line)
        start = end
    return kept


def assert_kept(before: str, after: str, spans: list[tuple[int, int]]) -> None:
    """Every line outside of the spans is still there, in its order."""
    rest = iter(after.splitlines(keepends=True))
    for line in kept_lines(before, spans):
        assert any(line == other or line + "\n" == other for other in rest), line


@given(layouts(), st.data())
def test_a_value_is_replaced(text: str, data: st.DataObject) -> None:
    """Only the lines of the value change."""
    found = locate(text)
    assume(found.values)
    path = data.draw(st.sampled_from(sorted(found.values, key=str)))
    expected = tomllib.loads(text)
    at(expected, path[:-1])[path[-1]] = "new"
    after = with_value(text, path, '"new"')
    assert tomllib.loads(after) == expected
    assert_kept(text, after, [found.values[path]])


@given(layouts(), st.data())
def test_a_key_is_added_to_a_table(text: str, data: st.DataObject) -> None:
    """A new key, and one in a table that does not exist; no line goes but that of an inline table."""
    document = tomllib.loads(text)
    tables = [(), *(path for path, value in paths(document) if isinstance(value, dict))]
    path = data.draw(st.sampled_from(sorted(tables, key=str)))
    more = data.draw(st.sampled_from([("new",), ("new", "b.c"), ("new", "b", "c")]))
    expected = copy.deepcopy(document)
    table = at(expected, path)
    for step in more[:-1]:
        table = table.setdefault(step, {})
    table[more[-1]] = 1
    found = locate(text)
    after = with_value(text, (*path, *more), "1")
    assert tomllib.loads(after) == expected
    above = [path[:end] for end in range(len(path) + 1)]
    assert_kept(text, after, [found.values[one] for one in above if one in found.values])


@given(layouts(), st.data())
def test_an_element_is_added(text: str, data: st.DataObject) -> None:
    """An array has one element more at its end; only its lines change."""
    found, document = locate(text), tomllib.loads(text)
    arrays = [path for path, value in paths(document) if isinstance(value, list)]
    arrays = [path for path in arrays if path in found.values]
    assume(arrays)
    path = data.draw(st.sampled_from(sorted(arrays, key=str)))
    at(document, path).append("new")
    after = with_element(text, path, '"new"')
    assert tomllib.loads(after) == document
    assert_kept(text, after, [found.values[path]])


@given(layouts(), st.data())
def test_an_element_is_removed(text: str, data: st.DataObject) -> None:
    """An array has one element less; only its lines change."""
    found = locate(text)
    elements = [path for path in found.values if isinstance(path[-1], int)]
    assume(elements)
    path = data.draw(st.sampled_from(sorted(elements, key=str)))
    document = tomllib.loads(text)
    del at(document, path[:-1])[path[-1]]
    after = without_element(text, path)
    assert tomllib.loads(after) == document
    assert_kept(text, after, [found.values[path[:-1]]])


@given(layouts(), st.data())
def test_a_table_is_removed(text: str, data: st.DataObject) -> None:
    """A table goes with all of its keys; nothing else does, comments above it included."""
    document = tomllib.loads(text)
    tables = [path for path, value in paths(document) if isinstance(value, dict)]
    tables = [path for path in tables if not any(isinstance(step, int) for step in path)]
    assume(tables)
    path = data.draw(st.sampled_from(sorted(tables, key=str)))
    found = locate(text)
    after = without_table(text, path)
    del at(document, path[:-1])[path[-1]]
    assert pruned(tomllib.loads(after)) == pruned(document)
    spans = [(one.start, one.end) for one in found.statements if one.path[: len(path)] == path]
    spans += [(a, b) for one, (a, b) in found.values.items() if path[: len(one)] == one]
    assert_kept(text, after, merged(text, spans, path))


def merged(text: str, spans: list[tuple[int, int]], path: Path) -> list[tuple[int, int]]:
    """The spans, those of one table's header and its last key as one."""
    found = locate(text)
    for one in found.statements:
        if one.is_header and one.path[: len(path)] == path:
            last = max(other.end for other in found.statements if other.table == one.path)
            spans.append((one.start, last))
    starts = sorted(one.start for one in found.statements)
    removed = {a for a, _ in spans}
    for a, b in pairwise(starts):
        if a in removed and b in removed:
            spans.append((a, b + 1))
    return spans


def pruned(document: Any) -> Any:
    """A document without empty tables: a table that had only removed ones is not there any more."""
    if isinstance(document, list):
        return [pruned(item) for item in document]
    if not isinstance(document, dict):
        return document
    inner = {key: pruned(value) for key, value in document.items()}
    return {key: value for key, value in inner.items() if value != {}}
