"""docs/indexes.md has what the code reads and says."""

from __future__ import annotations

import re

from tests.support.command_line import ROOT

PAGE = (ROOT / "docs/indexes.md").read_text()
_VARIABLE = re.compile(r'"(ENVBUILD_(?:HTTP|KEYRING)\w*|PYTHON_KEYRING_|SSL_\w+|NETRC)"')


def test_every_variable_that_is_read_has_a_row() -> None:
    """Whoever adds a variable of the network says what it means."""
    sources = (*(ROOT / "envbuild/index").glob("*.py"), ROOT / "envbuild/cli/context.py")
    read = {name for path in sources for name in _VARIABLE.findall(path.read_text())}
    assert {"ENVBUILD_HTTP_RETRIES", "SSL_CLIENT_CERT", "NETRC"} <= read
    rows = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    assert read <= rows


def test_answers_have_the_words_that_are_said() -> None:
    """The table of answers quotes the messages."""
    said = (ROOT / "tests/golden/index/answers.txt").read_text()
    table = PAGE.partition("## What an answer means")[2]
    quoted = re.findall(r"\| 4 \| (.*) \|$", table, re.MULTILINE)
    phrases = [phrase for cell in quoted for phrase in re.findall("`([^`]+)`", cell)]
    assert len(phrases) > 12
    assert [phrase for phrase in phrases if phrase not in said] == []
