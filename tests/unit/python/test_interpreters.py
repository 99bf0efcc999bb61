"""What Pythons, uv and nvidia-smi print, as values."""

from __future__ import annotations

import json

import pytest

from envbuild.python.interpreters import describe
from envbuild.python.managed import parse_uv_list
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


def test_uv_lists_paths_of_plain_cpythons() -> None:
    """PyPy and free-threaded builds are dropped before anything is run, unknown fields ignored."""
    entries = [
        {"path": "/a", "implementation": "cpython", "variant": "default", "new": 1},
        {"path": "/b", "implementation": "pypy", "variant": "default"},
        {"path": "/c", "implementation": "cpython", "variant": "freethreaded"},
        {"path": None, "implementation": "cpython", "variant": "default"},
        "nonsense",
    ]
    assert parse_uv_list(json.dumps(entries)) == ("/a",)


@pytest.mark.parametrize("text", ["", "{}", "error: no"])
def test_what_is_no_list_of_uv_is_told_apart_from_an_empty_list(text: str) -> None:
    """'uv could not look' and 'uv found none' are different things to a user."""
    assert parse_uv_list(text) is None
    assert parse_uv_list("[]") == ()


def test_the_found_pythons_are_listed_newest_first_with_their_paths() -> None:
    """The user sees what could be asked for instead."""
    assert describe(FOUND).startswith("found: 3.13.0 (/usr/bin/python3.13.0), 3.12.10 (")
    assert describe(()) == "no other was found"
