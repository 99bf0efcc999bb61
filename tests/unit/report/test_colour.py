"""Colour on a terminal: where, and never as the only carrier of a meaning."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.report.colour import BOLD, GREEN, RED, RESET, Painted, may_colour, paint
from envbuild.text import Text, text_of


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("error: no", f"{RED}{BOLD}error:{RESET} no"),
        ("  + httpx 0.28.1", f"  {GREEN}+ httpx 0.28.1{RESET}"),
        ("  ~ httpx 0.28.1 → 0.29.0", f"  ~ httpx {RED}0.28.1{RESET} → {GREEN}0.29.0{RESET}"),
        ("asr 1.0: built, asr-1.0", f"{BOLD}asr{RESET} 1.0: {GREEN}built{RESET}, asr-1.0"),
        ("asr: failed", f"{BOLD}asr{RESET}: {RED}{BOLD}failed{RESET}"),
        ("a × b: conflict on x", f"{BOLD}a × b{RESET}: {RED}{BOLD}conflict{RESET} on x"),
        ("DRIVER  VERSION", f"{BOLD}DRIVER  VERSION{RESET}"),
        ("nothing of this", "nothing of this"),
    ],
)
def test_what_is_painted(line: str, painted: str) -> None:
    """Names, versions that move, what went well and what did not."""
    assert paint(Text(line)) == painted


@given(st.lists(st.text()))
def test_without_colours_it_is_the_same_text(lines: list[str]) -> None:
    """Painting adds and removes nothing."""
    text = text_of(lines)
    assert re.sub(r"\x1b\[\d+m", "", paint(text)) == text


@pytest.mark.parametrize(
    ("when", "environment", "terminal", "colours"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"TERM": "xterm"}, True, False),
    ],
)
def test_who_gets_colours(
    when: str, environment: dict[str, str], terminal: bool, colours: bool
) -> None:
    """A capable terminal, unless its user says otherwise."""
    stream = Terminal() if terminal else io.StringIO()
    assert may_colour(stream, environment, when) is colours


def test_other_writers_are_left_alone() -> None:
    """What is not a result, such as the live display, passes as it is."""
    stream = io.StringIO()
    painted = Painted(stream)
    painted.write("error: no\n")
    painted.write(text_of(["error: no"]))
    assert stream.getvalue() == f"error: no\n{RED}{BOLD}error:{RESET} no\n"
