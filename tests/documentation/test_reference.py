"""Reference pages say what the code says; `ENVBUILD_REGENERATE=1` writes tables of the code anew."""

from __future__ import annotations

import re

from envbuild.cli.arguments import EXITS
from envbuild.cli.verbs import VERB_NAMES
from envbuild.errors import EnvbuildError
from tests.support.command_line import ROOT
from tests.support.golden import assert_golden

DOCS = ROOT / "docs"


def test_exit_codes() -> None:
    """The table of docs/commands.md is that of the help, and it has the code of every error."""
    page = DOCS / "commands.md"
    shown = page.read_text()
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXITS)
    replaced = re.sub(r"(?<=\n\| exit \| meaning \|\n\| --- \| --- \|\n)(\|.*\n)+", rows, shown)
    assert rows in replaced
    assert_golden(page, replaced)
    assert {error.exit_code for error in _kinds(EnvbuildError)} == {code for code, _ in EXITS} - {
        0,
        130,
    }


def _kinds(error: type[EnvbuildError]) -> list[type[EnvbuildError]]:
    return [error, *(inner for kind in error.__subclasses__() for inner in _kinds(kind))]


def test_every_command_is_listed() -> None:
    """A command that is added is on the page of commands, in a table or an example."""
    shown = (DOCS / "commands.md").read_text()
    assert [name for name in VERB_NAMES if f"envbuild {name}" not in shown] == []


def test_every_variable_is_explained() -> None:
    """Whoever reads another variable of the environment says what it means, on some page."""
    sources = [path.read_text() for path in (ROOT / "envbuild").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"(ENVBUILD_[A-Z_]+)"', text)}
    assert {"ENVBUILD_STORE", "ENVBUILD_FILE", "ENVBUILD_HOST_FACTS"} <= read
    pages = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert [name for name in sorted(read) if name not in pages] == []
