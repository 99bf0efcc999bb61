"""A repository with the project `svc`, and a driver that has it as a git source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.repository import commit, git
from tests.support.svc_project import write_project
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer


@pytest.fixture
def repository(scratch: Path) -> Path:
    """A repository with the project, one commit on `main`, which is the tag v0.3."""
    folder = write_project(scratch / "served/svc")
    git(folder, "init")
    commit(folder, "one")
    git(folder, "tag", "v0.3")
    return folder


@pytest.fixture
def lock(run_envbuild: CommandLine, index: IndexServer) -> CommandLine:
    """The command line, with what the project requires."""
    index.add(Wheel(name="helper"))
    return run_envbuild


def declare(run: CommandLine, python: str, repository: Path | str, more: str = "") -> None:
    """One driver with a git source."""
    url = repository if isinstance(repository, str) else f"file://{repository}"
    text = declare_drivers({"app": ["svc"]}, python=python)
    text = text.replace("[drivers.app]", '[drivers.app]\nbinary = "helper"')
    run.declare(f'{text}[sources]\nsvc = {{ git = "{url}"{more} }}\n')


def locked(project: Path) -> tuple[str, str]:
    """The locked commit and digest."""
    text = (project / "locks/app.toml").read_text()
    found = re.search(r'"svc-0\.3\.([0-9a-f]{40})\.tree", size = \d+, sha256 = "(\w{64})"', text)
    assert found is not None, text
    assert 'source = "git"' in text
    assert "://" not in text
    return found[1], found[2]


def refused(result: Result, code: int, words: str, project: Path) -> None:
    """One message, and no lockfile."""
    assert (result.code, result.stderr.count("error:")) == (code, 1), result
    assert words in result.stderr, result
    assert not (project / "locks").exists()
