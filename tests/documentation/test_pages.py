"""Every command that a page shows was typed, and answered what the page says.

`ENVBUILD_REGENERATE=1` writes the answers anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.documentation.typed_page import BLOCK, TypedPage, is_shortened
from tests.documentation.worlds import WORLDS
from tests.support.command_line import ROOT
from tests.support.golden import REGENERATE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
PLAYED = {*WORLDS, "howto/own-service.md", "day-in-the-life.md"}
"""Of these the last is written by `tests/launchers/test_day_in_the_life.py`."""


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_what_is_typed_is_answered(
    name: str, run_envbuild: CommandLine, index: IndexServer, scratch: Path, python_version: str
) -> None:
    """The page as it is played is the page as it is."""
    WORLDS[name](index, run_envbuild)
    _play(name, run_envbuild, scratch, python_version)


@pytest.mark.index
def test_a_service_is_built_as_the_page_says(
    run_envbuild_online: CommandLine, scratch: Path, python_version: str
) -> None:
    """With the real build backend, from the index."""
    _play("howto/own-service.md", run_envbuild_online, scratch, python_version)


def _play(name: str, run: CommandLine, scratch: Path, python: str) -> None:
    path = DOCS / name
    shell = scratch / "shell"
    shell.mkdir()
    written = path.read_text()
    played = TypedPage(run=run, python=python, shell=shell).play(written)
    if REGENERATE:
        path.write_text(played)
        return
    assert played == written


@pytest.mark.parametrize("name", [*PAGES, "../README.md"])
def test_no_answer_is_made_up(name: str) -> None:
    """A block with commands is played, or the words before it say that it is shortened."""
    blocks = BLOCK.finditer((DOCS / name).read_text())
    shown = [block for block in blocks if block["language"] == "console"]
    assert name in PLAYED or all(is_shortened(block) for block in shown)
