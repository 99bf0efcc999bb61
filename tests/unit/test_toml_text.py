"""Strings that envbuild writes as TOML are read as what they were."""

from __future__ import annotations

import tomllib

import pytest

from envbuild.toml_text import toml_string


@pytest.mark.parametrize(
    "text", ["", "a", 'a"b\\c', "\x00\t\n\x1b", "\x7f", "ü", "\u2028", "\U0001f600"]
)
def test_a_reader_gets_the_text_back(text: str) -> None:
    """DEL has to be escaped, and a character beyond the first plane must not become a pair of surrogates."""
    written = toml_string(text)
    assert "\n" not in written
    assert tomllib.loads(f"key = {written}") == {"key": text}
