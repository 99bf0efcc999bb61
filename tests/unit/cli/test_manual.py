"""The man pages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import envbuild
from envbuild.cli.manual import manual_pages
from envbuild.cli.verbs import VERB_NAMES, find_verb

ROOT = Path(__file__).parents[3]
REQUEST = re.compile(r"\.(TH|SH|SS|TP|BR|B|nh)( .*)?")


def test_each_verb_has_a_page() -> None:
    """And envbuild itself."""
    assert set(manual_pages()) == {"envbuild.1", *(f"envbuild-{name}.1" for name in VERB_NAMES)}


@pytest.mark.parametrize(("name", "text"), manual_pages().items())
def test_a_page_is_proper_roff(name: str, text: str) -> None:
    """A title and a name that `whatis` reads, and no text that roff takes for a request or an escape."""
    lines = text.splitlines()
    title = name.removesuffix(".1")
    assert lines[0] == f'.TH {title.upper()} 1 "" envbuild "User Commands"'
    dashed = title.replace("-", "\\-")
    assert lines[2].startswith(f"{dashed} \\- ")
    for line in lines:
        assert REQUEST.fullmatch(line) or not line.startswith((".", "'"))
        assert not re.search(r"\\(?![-e&]|f[BIR])", line)


@pytest.mark.parametrize("name", VERB_NAMES)
def test_a_page_has_every_word_of_its_verb(name: str) -> None:
    """Operands, options and their help."""
    verb = find_verb(name)
    assert verb is not None
    text = manual_pages()[f"envbuild-{name}.1"].replace("\\-", "-").replace("\\&", "")
    for row in verb.table:
        assert row.help.replace("\\", "\\e") in text
        assert all(f"\\fB{spelling}\\fR" in text for spelling in row.names if not row.is_operand)


def test_a_checkout_without_tags_has_the_version_of_one_that_nobody_built() -> None:
    """The fallback stands in two files."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    fallback = settings["tool"]["hatch"]["version"]["fallback-version"]
    assert f'__version__ = "{fallback}"' in Path(envbuild.__file__).read_text()
