"""Every command that a page shows was typed, and answered what the page says.

`ENVBUILD_REGENERATE=1` writes the answers anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.documentation.typed_page import BLOCK, PAGES, TypedPage, is_shortened
from tests.documentation.worlds import WORLDS
from tests.support.command_line import ROOT
from tests.support.golden import REGENERATE
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

DOCS = ROOT / "docs"
PLAYED = {"README.md", *(f"docs/{name}" for name in (*WORLDS, "howto/own-service.md"))}
PLAYED |= {"docs/day-in-the-life.md"}
"""Of these the last is written by `tests/launchers/test_day_in_the_life.py`."""

PROMPT = re.compile(r"(?m)^ *\$ ")


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


def test_six_lines_of_the_readme(
    run_envbuild: CommandLine, index: IndexServer, scratch: Path, store: Path
) -> None:
    """They are typed in an empty folder, one after the other, and the last one answers with a path that starts."""
    index.add(command_wheel("datasette", "0.65.2"))
    index.add(command_wheel("uvicorn"), Wheel(name="fastapi"))  # for the example that `init` writes
    (lines,) = re.findall(r"(?ms)^```sh\n(.*?)^```$", (ROOT / "README.md").read_text())
    assert len(lines.splitlines()) == 6
    shell = scratch / "shell"
    shell.mkdir()
    page = "".join(f"$ {line}\n" for line in lines.splitlines())
    typed = TypedPage(run=run_envbuild, python="any", shell=shell)
    answers = typed.play(f"```console\n{page}```\n")
    assert "[exit" not in answers
    assert "\ndatasette 0.65.2\n" in answers
    (binary,) = store.glob("envs/notes-0.65.2-*/bin/datasette")
    assert binary.is_file()
    assert re.search(r"\n/opt/envbuild/envs/notes-0.65.2-\w+/bin/datasette\n```", answers)


@pytest.mark.parametrize("name", PAGES)
def test_no_answer_is_made_up(name: str) -> None:
    """What is shown after a prompt stands in a console block, which is played or says that it is shortened."""
    page = (ROOT / name).read_text()
    blocks = [block for block in BLOCK.finditer(page) if block["language"] == "console"]
    shown = sum(len(PROMPT.findall(block["text"])) for block in blocks)
    assert len(PROMPT.findall(page)) == shown
    assert all(PROMPT.search(block["text"]) for block in blocks)
    assert name in PLAYED or all(is_shortened(block) for block in blocks)
