"""Any text at all is a declaration or a list of problems."""

from __future__ import annotations

from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from envbuild.declaration.toml.document import TOP_KEYS, parse_declaration
from envbuild.declaration.toml.host_table import HOST_KEYS
from envbuild.declaration.toml.index import INDEX_KEYS
from envbuild.declaration.toml.keys import DRIVER_KEYS
from envbuild.declaration.toml.requirement_set import INCLUDE
from envbuild.declaration.toml.rule import AGREE_KEYS
from envbuild.declaration.toml.target import ACCELERATOR_KEYS
from envbuild.errors import DeclarationError, Problem

KNOWN = [
    key.name
    for key in (*DRIVER_KEYS, *HOST_KEYS, INCLUDE, *INDEX_KEYS, *AGREE_KEYS, *ACCELERATOR_KEYS)
]
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "asr",
            "ASR",
            "default",
            "3.12",
            "vllm==0.11.*",
            "a @ b",
            "a[b]; extra=='c'",
            ">=12",
            "http:",
        ]
    ),
    st.sampled_from(["x86_64-manylinux_2_28", "7 days", "2026-11-01", "acme-*", "[", "^1", "a~1"]),
)
SCALARS = st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.floats(), st.dates(), st.times())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KNOWN), TEXTS), inner, max_size=4),
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(st.one_of(st.sampled_from(KNOWN), TEXTS), VALUES, max_size=6)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "version": st.one_of(st.just(1), SCALARS),
        "defaults": st.one_of(TABLES, VALUES),
        "drivers": st.one_of(st.dictionaries(TEXTS, TABLES, max_size=3), VALUES),
        "sets": st.one_of(st.dictionaries(TEXTS, TABLES, max_size=2), VALUES),
        "hosts": st.one_of(st.dictionaries(TEXTS, TABLES, max_size=2), VALUES),
        "index": st.one_of(st.lists(TABLES, max_size=3), VALUES),
        "sources": st.one_of(TABLES, VALUES),
        "build": st.one_of(st.dictionaries(TEXTS, TABLES, max_size=2), VALUES),
        "audit": st.one_of(
            st.dictionaries(st.just("ignore"), st.lists(TABLES, max_size=2)), VALUES
        ),
        "coexist": st.one_of(st.lists(TABLES, max_size=2), VALUES),
        "agree": st.one_of(st.lists(TABLES, max_size=2), VALUES),
        "verison": SCALARS,
    },
)


def check_every_problem(text: str) -> None:
    """Parse; where that fails, each problem must say where it is."""
    problems: tuple[Problem, ...] = ()
    try:
        parse_declaration(text, file="drivers.toml")
    except DeclarationError as error:
        problems = error.problems or (Problem(message=""),)
    for problem in problems:
        assert problem.message
        assert problem.file == "drivers.toml"
        assert problem.line is None or 1 <= problem.line <= text.count("\n") + 1


def test_the_strategy_knows_every_key() -> None:
    """A key that is added to the top of the file joins these tests."""
    known = {
        "version",
        "defaults",
        "sets",
        "drivers",
        "hosts",
        "index",
        "coexist",
        "agree",
        "audit",
        "build",
        "sources",
    }
    assert {key.name for key in TOP_KEYS} == known


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """No input is a bug of envbuild."""
    check_every_problem(text)


@given(DOCUMENTS)
def test_any_toml_is_read_or_refused_in_words(document: dict[str, Any]) -> None:
    """Whatever stands where, every problem is found without a crash, and has its place."""
    check_every_problem(tomlkit.dumps(document))
