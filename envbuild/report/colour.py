"""Colour and weight for results and problems on a terminal; no meaning is carried by them alone.

Results are lines of fixed forms, so they are painted when they are written, and no report knows of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

from envbuild.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

RESET, BOLD, DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
RED, GREEN, YELLOW, CYAN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"

_GOOD = r"built|locked|fresh|there already|published|probed|all as built|compatible"
_BAD = r"failed|conflict"
_RULES = (
    (r"^(error:)", RED + BOLD),
    (r"^(?:\S+: )?(warning:)", YELLOW + BOLD),
    (r"^ +(hint:)", CYAN),
    (r"^ +(\+.*)$", GREEN),
    (r"^ +(-.*)$", RED),
    (r"^ *[~!] .*?(\S+) → ", RED),
    (r"^ *[~!] .*? → (\S+)", GREEN),
    (r"^(?!error:|warning:)([\w.@-]+(?: × [\w.@-]+)?)(?: \d\S*)?: ", BOLD),
    (rf"^[\w.@-]+(?: × [\w.@-]+)?(?: \d\S*)?: ({_GOOD})\b", GREEN),
    (rf"^[\w.@-]+(?: × [\w.@-]+)?(?: \d\S*)?: ({_BAD})\b", RED + BOLD),
    (r"^[\w.@-]+(?: \d\S*)?: (stale|skipped)\b", YELLOW),
    (r"^(generation \d+ is current.*)$", BOLD),
    (r"^((?:[A-Z]+ +)+[A-Z]+)$", BOLD),
    (r"^ +(because .*|kept .*)$", DIM),
)
"""What stands at a place of a line, and how it is painted; the group is what is painted."""

_PATTERNS = tuple((re.compile(pattern), style) for pattern, style in _RULES)


def may_colour(stream: TextIO, environment: Mapping[str, str], when: str) -> bool:
    """Whether a stream gets colours: `when` is `auto`, `always` or `never`."""
    if when != "auto":
        return when == "always"
    if environment.get("NO_COLOR") or environment.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()


def paint(text: Text) -> str:
    """The text with colours; without them it is the same text."""
    return "\n".join(map(_paint_line, text.split("\n")))


def _paint_line(line: str) -> str:
    spans = [
        (match.start(1), match.end(1), style)
        for pattern, style in _PATTERNS
        if (match := pattern.search(line))
    ]
    done, parts = 0, []
    for start, end, style in sorted(spans):
        if start >= done:
            parts += [line[done:start], style, line[start:end], RESET]
            done = end
    return "".join((*parts, line[done:]))


class Painted:
    """A stream that paints the results that are written to it, and leaves everything else as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; the number is that of the characters given."""
        self._stream.write(paint(text) if isinstance(text, Text) else text)
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
