"""Every command line of envbuild that a page shows is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.arguments import parse_arguments
from envbuild.cli.verbs import VERB_NAMES
from envbuild.errors import UsageError
from tests.documentation.typed_page import PAGES
from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = re.compile(
    r"(?ms)^```[^\n]*\n(?P<fenced>.*?)^```$|(?<=\n\n)(?P<indented>(?:    [^\n]*\n)+)"
)
_LINE = re.compile(
    r"^\s*(?:\$ |- )?(?:run: |script: )?(?P<command>(?:\S+=\S+ )*(?:\S*/)?envbuild [-a-z].*)$"
)
_SPAN = re.compile(r"(?<!`)`(?P<command>envbuild [^`\n]+)`(?!`)")
_OPERATORS = re.compile(r"\|\||&&|[|;()<>]+|&")
_PLACEHOLDERS = {"N": "1", "FORMAT": "env", "COMMAND": "lock", "SHELL": "bash", "…": "name"}


_OTHERS = {"envbuild stat 2"}
"""What looks like a command line, and is the first line of a file."""


def command_lines(page: str) -> Iterator[str]:
    """What a page shows of envbuild's command line: in blocks, after `$ ` or `run: ` too, and in a line of text."""
    for block in _BLOCK.finditer(page):
        text = (block["fenced"] or block["indented"] or "").replace("\\\n", " ")
        for line in text.splitlines():
            if found := _LINE.match(line):
                yield found["command"]
    yield from (found["command"] for found in _SPAN.finditer(page))


def arguments(line: str) -> Iterator[list[str]]:
    """The words behind each `envbuild` of a shell's line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = "#"
    command: list[str] = []
    for word in (*words, ";"):
        if not _OPERATORS.fullmatch(word):
            command.append(word)
            continue
        while command and "=" in command[0]:
            del command[0]
        if command and command[0].rpartition("/")[2] == "envbuild":
            yield command[1:]
        command = []


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_can_type_them(page: str) -> None:
    """No verb and no option that is not there, and none without what it needs."""
    refused = {}
    for line in set(command_lines((ROOT / page).read_text())) - _OTHERS:
        for words in arguments(line):
            if len(words) == 1 and words[0] in VERB_NAMES:
                continue  # a command's name
            try:
                parse_arguments([_PLACEHOLDERS.get(word, word) for word in words])
            except UsageError as error:
                refused[line] = str(error)
            except SystemExit:
                pass  # it asks for help
    assert refused == {}


def test_command_lines_are_found() -> None:
    """A command line is found in every place where a page may have one."""
    page = (
        "Say `envbuild lock`.\n\n```console\n$ A=1 ./bin/envbuild sync && envbuild nix | cat\nenvbuild x\n```\n\n"
        "    envbuild list > file   # so\n\n```yaml\n- run: envbuild check \\\n    --against main\n```\n"
    )
    found = [words for line in command_lines(page) for words in arguments(line)]
    assert found == [
        *(["sync"], ["nix"], ["x"], ["list"]),
        *(["check", "--against", "main"], ["lock"]),
    ]
