"""Text for a terminal or a log: control characters and commands in foreign values are made harmless here.

Only values of this module's type, or of another output form
(JSON, Markdown, annotations, SARIF, SVG), can be printed, so nothing is printed unescaped.
Quick verbs import this module, so it uses no regular expressions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMANDS = ("::", "##[")
"""Commands of CI runners in logs: the first is one at the start of a line, the second anywhere."""


class Text(str):
    """Output that is safe to print; only the modules of output forms make it."""

    __slots__ = ()


def escaped(value: str) -> str:
    """A value for one line of text: control characters, line breaks and marks become `\\x1b`, `\\n`, `\\u202e`.

    A value without them does not change.
    """
    if value.isprintable():
        return value
    return "".join(
        [c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in value]
    )


def output_lines(output: str) -> list[str]:
    """The lines that a program has written, without what a terminal would obey."""
    return [escaped(line.expandtabs()) for line in output.strip().splitlines()]


def text_of(lines: Iterable[str]) -> Text:
    """Lines of output, one for each given line, none of which is a command to a CI runner."""
    return Text("".join([f"{_line(line)}\n" for line in lines]))


def _line(line: str) -> str:
    line = escaped(line)
    first, anywhere = _COMMANDS
    if anywhere in line:
        line = line.replace(anywhere, "##\\[")
    return line.replace(first, "\\::", 1) if line.lstrip().startswith(first) else line
