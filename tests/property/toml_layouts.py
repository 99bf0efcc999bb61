"""TOML texts in layouts that hypothesis draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.toml.positions import Path


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
