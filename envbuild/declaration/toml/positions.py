"""Where every key, value and array element of a TOML text is.

`tomllib` (and `tomlkit`) keep no positions.
This parser runs on a text that `tomllib` has accepted, so it only finds the ends of keys and values.
"""

from __future__ import annotations

import json
import re
import tomllib
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Sequence

Path = tuple[str | int, ...]
"""The path to a value from the top: keys of tables, and indexes (from 0) of arrays."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"{3}(?:[^\\]|\\.)*?"{3,5}'
    r"|'{3}.*?'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\r\n]+")
_SPACE = re.compile(r"[ \t]*")
_REST = re.compile(r"[^\n]*\n?")


@value
class Statement:
    """A header, or a key with its value, with all of its lines."""

    is_header: bool
    """Whether it is a header such as `[drivers.asr]` or `[[index]]`."""

    path: Path
    """The whole path: the table's path too."""

    table: Path
    """The path of the table whose header is above; a header's own path."""

    start: int
    """The offset where its first line starts."""

    end: int
    """The offset after its last line, which may have a comment, and after that line's end."""


@value
class Positions:
    """Where the key paths of a text are; offsets count characters from 0."""

    text: str
    starts: dict[Path, int]
    """The offset of a key's name, of an element's first character, of a table's header."""

    values: dict[Path, tuple[int, int]]
    """The offsets where a value starts and after it; tables have them only if they are inline."""

    statements: tuple[Statement, ...]
    """In the text's order."""

    inline_pairs: tuple[Statement, ...]
    """The pairs of inline tables, each from its key to the end of its value, inner ones first."""

    line_ends: Sequence[int]
    """The offsets of the line ends: every key and every element is asked for its line."""

    def line(self, path: Path) -> int:
        """The line, from 1, of a path, or of the nearest enclosing one in the text; the top is line 1."""
        while path:
            if path in self.starts:
                return bisect_left(self.line_ends, self.starts[path]) + 1
            path = path[:-1]
        return 1


def render_path(path: Path) -> str:
    """A path for users: `drivers.vllm.requires[1]`, unusual keys in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _BARE_KEY.fullmatch(step):
            text += f".{step}"
        else:
            text += "." + json.dumps(step, ensure_ascii=False)
    return text.removeprefix(".")


def locate(text: str) -> Positions:
    """Find every key path of a TOML text that `tomllib.loads` accepts.

    For any other text the result is meaningless (or ValueError).
    Nesting as deep as the interpreter's stack is a RecursionError, as in `tomllib`.
    """
    return _PositionWalk(text).document()


class _PositionWalk:
    """One pass over a text, from start to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts: dict[Path, int] = {}
        self._values: dict[Path, tuple[int, int]] = {}
        self._statements: list[Statement] = []
        self._inline_pairs: list[Statement] = []
        self._only_implied: set[Path] = set()
        """Tables that were only mentioned in the path of another one."""
        self._array_lengths: dict[Path, int] = {}

    def document(self) -> Positions:
        table: Path = ()
        while self._next():
            start = self._text.rfind("\n", 0, self._at) + 1
            is_header = self._text.startswith("[", self._at)
            if self._text.startswith("[[", self._at):
                table = path = self._element_header()
            elif is_header:
                table = path = self._table_header()
            else:
                path = self._pair(table)
            self._match(_REST)
            self._statements.append(
                Statement(is_header=is_header, path=path, table=table, start=start, end=self._at)
            )
        return Positions(
            text=self._text,
            starts=self._starts,
            values=self._values,
            statements=tuple(self._statements),
            inline_pairs=tuple(self._inline_pairs),
            line_ends=array("L", (found.start() for found in re.finditer("\n", self._text))),
        )

    def _table_header(self) -> Path:
        start = self._at
        self._at += 1
        path = self._inside_last_elements(self._keys())
        self._name(path, start)
        self._skip_to("]")
        return path

    def _element_header(self) -> Path:
        start = self._at
        self._at += 2
        array = self._inside_last_elements(self._keys())
        self._name(array, start)
        index = self._array_lengths.get(array, 0)
        self._array_lengths[array] = index + 1
        self._starts[(*array, index)] = start
        self._skip_to("]]")
        return (*array, index)

    def _inside_last_elements(self, keys: list[str]) -> Path:
        """A header's keys as a path: in an array of tables, it belongs to the last element."""
        path: Path = ()
        for key in keys:
            if path in self._array_lengths:
                path = (*path, self._array_lengths[path] - 1)
            path = (*path, key)
        return path

    def _pair(self, table: Path) -> Path:
        start = self._at
        path = (*table, *self._keys())
        self._name(path, start)
        self._skip_to("=")
        self._space()
        self._value(path)
        return path

    def _name(self, path: Path, start: int) -> None:
        """Record where a path is, and where its parents are; the first mention counts.

        A table's own header counts more than an earlier mention in the path of a child.
        """
        for end in range(1, len(path)):
            way = path[:end]
            if way not in self._starts:
                self._starts[way] = start
                self._only_implied.add(way)
        if path not in self._starts or path in self._only_implied:
            self._starts[path] = start

    def _value(self, path: Path) -> None:
        start = self._at
        opening = self._text[start]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif opening in "\"'":
            self._match(_STRING)
        else:
            self._at = start + len(self._match(_PLAIN).rstrip())
        self._values[path] = (start, self._at)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._next() and self._text[self._at] != "]":
            self._starts[(*path, index)] = self._at
            self._value((*path, index))
            self._comma()
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._next() and self._text[self._at] != "}":
            start = self._at
            self._inline_pairs.append(
                Statement(
                    is_header=False, path=self._pair(path), table=path, start=start, end=self._at
                )
            )
            self._comma()
        self._at += 1

    def _keys(self) -> list[str]:
        """The parts of a dotted key, in the brackets of a header or before an equals sign."""
        keys = []
        while True:
            self._space()
            keys.append(_plain_key(self._match(_KEY)))
            dot = _DOT.match(self._text, self._at)
            if dot is None:
                return keys
            self._at = dot.end()

    def _next(self) -> bool:
        """Skip blanks, line ends and comments; returns whether anything follows."""
        self._match(_BLANK)
        return self._at < len(self._text)

    def _comma(self) -> None:
        if self._next() and self._text[self._at] == ",":
            self._at += 1

    def _space(self) -> None:
        self._match(_SPACE)

    def _skip_to(self, mark: str) -> None:
        self._at = self._text.index(mark, self._at) + len(mark)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML at line {self._text.count(chr(10), 0, self._at) + 1}")
        self._at = match.end()
        return match[0]


def _plain_key(token: str) -> str:
    """A key's value: without quotes, escapes resolved."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] == '"':
        value = tomllib.loads(f"key = {token}")["key"]
        return str(value)
    return token
