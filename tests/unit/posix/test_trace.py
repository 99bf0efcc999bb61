"""What `-v` shows."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.process import Command, SystemRunner
from envbuild.posix.trace import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Everything that is told during a test."""
    lines: list[str] = []
    TRACE.heard = TRACE.output = lines.append
    yield lines
    TRACE.heard = TRACE.output = None


def test_programs_are_told_with_their_words(heard: list[str]) -> None:
    """A line can be pasted into a shell; what the program wrote to stderr follows at its end."""
    argv = (sys.executable, "-c", "import sys; sys.stderr.write('so it is')", "a b")
    command = Command(argv=argv, env=tuple(os.environ.items()), cwd="/")
    assert SystemRunner().run(command).code == 0
    assert heard == [
        f"$ {sys.executable} -c 'import sys; sys.stderr.write('\"'\"'so it is'\"'\"')' 'a b'",
        "so it is",
    ]


def test_code_is_not_told(heard: list[str]) -> None:
    """What a Python is asked has many lines."""
    TRACE.started(("/bin/python", "-c", "import sys\nprint(sys.version)", "x"))
    assert heard == ["$ /bin/python -c '…' x"]


def test_requests_are_told_with_their_answer(heard: list[str]) -> None:
    """The method, the address and the status."""
    TRACE.asked("GET", "https://packages.example.com/simple/", 200)
    assert heard == ["GET https://packages.example.com/simple/ → 200"]


def test_nobody_needs_to_listen() -> None:
    """Without `-v` nothing is kept and nothing is printed."""
    TRACE.started(("/bin/true",))
    TRACE.asked("GET", "https://packages.example.com/simple/", 200)
    TRACE.said("words")
    assert TRACE.heard is TRACE.output is None
