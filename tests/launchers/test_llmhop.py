"""`export llmhop` of drivers whose packages come from other places than a server."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from envbuild.uv.executable import uv_executable
from tests.support.pythons import MINOR
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

DECLARATION = f"""
[[index]]
name = "own"
path = "wheels"
packages = ["app"]
[drivers.app]
requires = ["app"]
python = "{MINOR}"
"""


def test_an_index_that_is_a_folder(run_envbuild: CommandLine, project: Path) -> None:
    """A package of a folder is locked with its hash, and uv installs it from there."""
    folder = project / "wheels"
    folder.mkdir()
    wheel = command_wheel("app", "1.0")
    wheel.write(folder)
    run_envbuild.declare(DECLARATION)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    words = ("llmhop", "--image", "docker.example/a:1", "--out", "out")
    run_envbuild("export", *words, check=True)
    assert f"sha256:{wheel.sha256}" in (project / "out/app/uv.lock").read_text()
    argv = (uv_executable(), "sync", "--frozen", "--offline", "--python", sys.executable)
    done = subprocess.run(argv, cwd=project / "out/app", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (project / "out/app/.venv/bin/app").exists()
