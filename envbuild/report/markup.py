"""Markdown, made of pieces in which foreign values can be neither structure nor commands.

A block takes `Markup` alone, and a value becomes that by `prose` or `code`;
so a string that nobody escaped is an error of types.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from envbuild.text import Text, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_MENTION = "@\u2060"
"""A word joiner keeps `@name` from calling that user."""


class Markup(str):
    """A piece of one line of Markdown."""

    __slots__ = ()


def prose(text: str) -> Markup:
    """Text in which Markdown sees nothing of its own; what stands between single backticks is code."""
    parts = escaped(text).split("`")
    if len(parts) % 2 == 0:
        return _plain("`".join(parts))
    return join(code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def code(text: str) -> Markup:
    """A code span, whatever the text holds; empty for an empty text."""
    text = escaped(text).replace("|", "\\|")
    if not text.strip():
        return Markup(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return Markup(
        f"{fence}{text}{fence}" if len(fence) == 1 and text[0] != " " else f"{fence} {text} {fence}"
    )


def bold(text: str) -> Markup:
    """A text in bold."""
    return Markup(f"**{prose(text)}**")


def join(parts: Iterable[Markup], between: str = "") -> Markup:
    """Pieces in a row; `between` is ours."""
    return Markup(between.join(parts))


def heading(content: Markup) -> str:
    """A heading of the third level."""
    return f"### {content}"


def bullet(content: Markup) -> str:
    """An item of a list."""
    return f"- {content}"


def row(cells: Iterable[Markup]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def folded_diff(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines of a diff behind a summary that opens them; whatever they hold, they stay inside."""
    content = [escaped(line) for line in lines]
    fence = "`" * max(3, *(len(run) + 1 for line in content for run in re.findall("`+", line)), 3)
    return [
        f"<details><summary>{escape(escaped(summary))}</summary>",
        "",
        f"{fence}diff",
        *content,
        fence,
        "",
        "</details>",
    ]


def document(blocks: Iterable[str]) -> Text:
    """The lines of the blocks as a whole text."""
    return Text("".join([f"{line}\n" for line in blocks]))


def _plain(text: str) -> Markup:
    return Markup(_SPECIAL.sub(r"\\\1", text).replace("@", _MENTION))
