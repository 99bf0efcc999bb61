"""Markdown in which foreign values can be neither structure nor commands.

A block takes only `Markup`, and `prose` or `code` make that from a value,
so an unescaped string is a type error.
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
    """A part of a line of Markdown."""

    __slots__ = ()


def prose(text: str) -> Markup:
    """Text without Markdown syntax; text between single backticks becomes code."""
    parts = escaped(text).split("`")
    if len(parts) % 2 == 0:
        return _plain("`".join(parts))
    return join(code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def code(text: str) -> Markup:
    """A code span for any text; empty for an empty text."""
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
    """Parts in a row; the separator is trusted."""
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
    """Lines of a diff below a summary that opens them; no content can end the block."""
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
    """The blocks as a text."""
    return Text("".join([f"{line}\n" for line in blocks]))


def _plain(text: str) -> Markup:
    return Markup(_SPECIAL.sub(r"\\\1", text).replace("@", _MENTION))
