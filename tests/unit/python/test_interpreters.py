"""What Pythons, uv and nvidia-smi print, as values."""

from __future__ import annotations

import json

import pytest

from envbuild.python.interpreters import describe
from envbuild.python.probe import parse_answer
from tests.unit.target.test_target import FOUND

ANSWER = {
    "version": "3.12.1",
    "cache_tag": "cpython-312",
    "magic": "3531",
    "base": "/usr/bin/python3.12",
    "stdlib": "/usr/lib/python3.12",
    "libc": "glibc",
    "unfit": "",
}


def test_an_answer_is_read_field_by_field() -> None:
    """What a Python prints becomes a value."""
    answer = parse_answer(json.dumps(ANSWER))
    assert answer is not None
    assert (answer.version, answer.base) == ("3.12.1", "/usr/bin/python3.12")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pyenv: python3.12: command not found",
        "[]",
        "null",
        json.dumps({**ANSWER, "version": None}),
        json.dumps({name: text for name, text in ANSWER.items() if name != "base"}),
    ],
)
def test_what_is_no_answer_is_no_interpreter(text: str) -> None:
    """Shims and wrappers may print anything; none of it is an error."""
    assert parse_answer(text) is None


def test_the_found_pythons_are_listed_newest_first_with_their_paths() -> None:
    """The user sees what could be asked for instead."""
    assert describe(FOUND).startswith("found: 3.13.0 (/usr/bin/python3.13.0), 3.12.10 (")
    assert describe(()) == "no other was found"
