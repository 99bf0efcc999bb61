"""Positions in TOML, against documents that hypothesis lays out and tomlkit writes."""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from envbuild.declaration.toml.positions import locate
from tests.property.toml_layouts import layouts, paths

KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
    st.sampled_from(["a.b", "a]b", '"', "'", "#", "=", "{", "\\", "[[", ""]),
)
SCALARS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.dates(),
    st.datetimes(timezones=st.just(None)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(
        ['"', '"""', "'''", "\n", "]\n[x]", "# no", "\\", 'a""', "}, {", "= 1\nkey = 2"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_every_path_of_a_document_has_a_line(document: dict[str, Any]) -> None:
    """Whatever tomllib reads out of a text has its place in it, and nothing else has one."""
    text = tomlkit.dumps(document)
    lines = text.split("\n")
    found = locate(text)
    assert set(found.starts) == {path for path, _ in paths(tomllib.loads(text))}
    assert all(1 <= found.line(path) <= len(lines) for path in found.starts)


@given(layouts())
def test_the_line_of_a_leaf_holds_the_leaf(text: str) -> None:
    """In whatever layout a document is written, a message about a value points at its line."""
    document = tomllib.loads(text)
    lines = text.split("\n")
    found = locate(text)
    assert set(found.starts) == {path for path, _ in paths(document)}
    for path, value in paths(document):
        if isinstance(value, str):
            mark = value[: value.index("m", 1) + 1]
            assert mark in lines[found.line(path) - 1]


@given(layouts())
def test_the_span_of_a_value_is_the_value(text: str) -> None:
    """The characters of a value are TOML for this value alone."""
    found = locate(text)
    for path, value in paths(tomllib.loads(text)):
        if path in found.values:
            start, end = found.values[path]
            assert tomllib.loads(f"x = {text[start:end]}")["x"] == value
        else:
            assert isinstance(value, dict | list)
