"""The line of every key and every array element of a TOML text.

`tomllib` (and `tomlkit`) keep no positions.
This parser runs on a text that `tomllib` has accepted, so it only finds the ends of keys and values.
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_left

from envbuild.value import value

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


@value
class Positions:
    """The line of each key path of a text."""

    lines: dict[Path, int]
    """Path → line, counted from 1.

    The line of a key's name, of an element's first character, of a table's header.
    """

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest enclosing one in the text; the top is line 1."""
        while path:
            if path in self.lines:
                return self.lines[path]
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
    return Positions(lines=_PositionWalk(text).document())


class _PositionWalk:
    """One pass over a text, from start to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_ends = [index for index, character in enumerate(text) if character == "\n"]
        self._lines: dict[Path, int] = {}
        self._only_implied: set[Path] = set()
        """Tables that were only mentioned in the path of another one."""
        self._array_lengths: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while self._next():
            if self._text.startswith("[[", self._at):
                table = self._element_header()
            elif self._text.startswith("[", self._at):
                table = self._table_header()
            else:
                self._pair(table)
        return self._lines

    def _table_header(self) -> Path:
        line = self._line()
        self._at += 1
        path = self._inside_last_elements(self._keys())
        self._name(path, line)
        self._skip_to("]")
        return path

    def _element_header(self) -> Path:
        line = self._line()
        self._at += 2
        array = self._inside_last_elements(self._keys())
        self._name(array, line)
        index = self._array_lengths.get(array, 0)
        self._array_lengths[array] = index + 1
        self._lines[(*array, index)] = line
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

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._keys())
        self._name(path, line)
        self._skip_to("=")
        self._space()
        self._value(path)

    def _name(self, path: Path, line: int) -> None:
        """Record a path's line, and those of its parents; the first mention counts.

        A table's own header counts more than an earlier mention in the path of a child.
        """
        for end in range(1, len(path)):
            way = path[:end]
            if way not in self._lines:
                self._lines[way] = line
                self._only_implied.add(way)
        if path not in self._lines or path in self._only_implied:
            self._lines[path] = line

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._match(_STRING if opening in "\"'" else _PLAIN)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._next() and self._text[self._at] != "]":
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            self._comma()
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._next() and self._text[self._at] != "}":
            self._pair(path)
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
            raise ValueError(f"not TOML at line {self._line()}")
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect_left(self._line_ends, self._at) + 1


def _plain_key(token: str) -> str:
    """A key's value: without quotes, escapes resolved."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] == '"':
        value = tomllib.loads(f"key = {token}")["key"]
        return str(value)
    return token
