"""The start and the end of an endless text."""

from __future__ import annotations

import pytest

from envbuild.posix.excerpt import Excerpt


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_short_text_is_whole(size: int) -> None:
    """However it comes in."""
    text = "abcdefghij" * 10
    excerpt = Excerpt(100)
    for start in range(0, len(text), size):
        excerpt.add(text[start : start + size].encode())
    assert excerpt.text() == text


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_long_text_loses_its_middle(size: int) -> None:
    """A line in its place says how many bytes it had."""
    text = "".join(chr(97 + number % 26) for number in range(1000))
    excerpt = Excerpt(40)
    for start in range(0, len(text), size):
        excerpt.add(text[start : start + size].encode())
    assert excerpt.text() == f"{text[:20]}\n[... 960 bytes ...]\n{text[-20:]}"
