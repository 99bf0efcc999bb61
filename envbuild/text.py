"""Text for a terminal or a log: what foreign values do to a screen or a log reader is taken out here.

Everything that is printed has this module's type, or that of another form's
(JSON, Markdown, annotations, SARIF, SVG), so a string that nobody escaped cannot be printed.
Imported where every millisecond counts: no regular expressions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMANDS = ("::", "##[")
"""What a log reader of a CI runner takes for a command: the first begins a line, the second stands anywhere."""


class Text(str):
    """Output that may be printed as it is; only the modules of the forms make one."""

    __slots__ = ()


def escaped(value: str) -> str:
    """A value for one line of text: control characters, line breaks and invisible marks as `\\x1b`, `\\n`, `\\u202e`.

    A value without them stays as it is.
    """
    if value.isprintable():
        return value
    return "".join(
        [c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in value]
    )


def text_of(lines: Iterable[str]) -> Text:
    """Lines, whatever they hold, as just as many lines of output, none of which is a CI runner's command."""
    return Text("".join([f"{_line(line)}\n" for line in lines]))


def _line(line: str) -> str:
    line = escaped(line)
    first, anywhere = _COMMANDS
    if anywhere in line:
        line = line.replace(anywhere, "##\\[")
    return line.replace(first, "\\::", 1) if line.lstrip().startswith(first) else line
