"""Positions in TOML, against documents that hypothesis lays out and tomlkit writes."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from envbuild.declaration.toml.positions import Path, locate

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def paths(value: object, way: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every path of a parsed document with what stands there, the top itself left out."""
    if way:
        yield way, value
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, inner in items:
        yield from paths(inner, (*way, step))


@given(DOCUMENTS)
def test_every_path_of_a_document_has_a_line(document: dict[str, Any]) -> None:
    """Whatever tomllib reads out of a text has its place in it, and nothing else has one."""
    text = tomlkit.dumps(document)
    lines = text.split("\n")
    found = locate(text).lines
    assert set(found) == {path for path, _ in paths(tomllib.loads(text))}
    assert all(1 <= line <= len(lines) for line in found.values())


class Writer:
    """Writes tables in a layout that is drawn, with a mark of its own in every leaf."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._marks = 0
        self._names = 0

    def document(self) -> str:
        parts = [self.pairs()]
        for _ in range(self._draw(st.integers(0, 4))):
            parts += [self.noise(), self.section()]
        return "".join(parts)

    def section(self) -> str:
        """A table or some elements of an array of tables, with a table below the last of them."""
        name, child = self.key(), self.key()
        shape = self._draw(st.sampled_from(["table", "deep", "array"]))
        if shape == "table":
            return f"[ {name} ] # ]\n{self.pairs()}"
        if shape == "deep":
            return f"[{name} . {child}]\n{self.pairs()}{self.noise()}[{name}]\n{self.pairs()}"
        count = self._draw(st.integers(1, 3))
        element = f"[{name}.{child}]\n" if self._draw(st.booleans()) else f"[[{name}.{child}]]\n"
        return "".join(f"[[ {name} ]]\n{self.pairs()}{element}{self.pairs()}" for _ in range(count))

    def pairs(self) -> str:
        count = self._draw(st.integers(0, 3))
        return "".join(f"{self.pair(depth=2, lines=True)}{self.comment()}\n" for _ in range(count))

    def pair(self, *, depth: int, lines: bool) -> str:
        key = self.key()
        if self._draw(st.booleans()):
            key += self._draw(st.sampled_from([".", " . "])) + self.key()
        return f"{key}{self._draw(st.sampled_from(['=', ' = ']))}{self.value(depth, lines=lines)}"

    def value(self, depth: int, *, lines: bool) -> str:
        shape = self._draw(st.sampled_from(["leaf", "array", "inline"])) if depth else "leaf"
        if shape == "array":
            inner = [
                self.value(depth - 1, lines=lines) for _ in range(self._draw(st.integers(0, 3)))
            ]
            gap = self.noise if lines else lambda: " "
            return "[" + "".join(f"{gap()}{item}{gap()}," for item in inner) + f"{gap()}]"
        if shape == "inline":
            count = self._draw(st.integers(0, 2))
            return (
                "{"
                + ", ".join(self.pair(depth=depth - 1, lines=False) for _ in range(count))
                + " }"
            )
        return self.leaf(lines=lines)

    def leaf(self, *, lines: bool) -> str:
        self._marks += 1
        mark = f"m{self._marks}m"
        forms = [f'"{mark}"', f"'{mark}#'", f'"{mark}\\"]"', f'"""{mark}"""', f"'''{mark}'''''"]
        if lines:
            forms += [f'"""{mark}\n[x]\n\\""""""', f"'''{mark}\nkey = 1\n'''"]
        return self._draw(st.sampled_from(forms))

    def key(self) -> str:
        self._names += 1
        name = f"k{self._names}"
        return self._draw(
            st.sampled_from([name, f'"{name}"', f"'{name}'", f'"{name}.x]"', f"'{name}#='"])
        )

    def noise(self) -> str:
        return self._draw(st.sampled_from(["", "\n", "  ", "\n\n \t", "# ] } \" '''\n", "\r\n"]))

    def comment(self) -> str:
        return self._draw(st.sampled_from(["", " # x = [", "\t", "#'''"]))


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """A TOML text that uses every construct, and in which each leaf holds a unique mark."""
    return Writer(draw).document()


@given(layouts())
def test_the_line_of_a_leaf_holds_the_leaf(text: str) -> None:
    """In whatever layout a document is written, a message about a value points at its line."""
    document = tomllib.loads(text)
    lines = text.split("\n")
    found = locate(text).lines
    assert set(found) == {path for path, _ in paths(document)}
    for path, value in paths(document):
        if isinstance(value, str):
            mark = value[: value.index("m", 1) + 1]
            assert mark in lines[found[path] - 1]
