"""Let uv lock a workspace, for launchers that read `uv.lock`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.output import without_switches
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.posix.process import Runner


@value
class WorkspaceLocker:
    """Makes a `uv.lock` of a `pyproject.toml`."""

    runner: Runner
    cache: Path
    """uv's cache, private to envbuild."""

    index_environment: Mapping[str, str]
    """The variables with the addresses of indexes, for packages that the workspace assigns to no index."""

    def lock(self, pyproject: str, *, python: str, allow_sdist: bool) -> str:
        """The text of `uv.lock`; IndexFailureError has uv's output.

        `python` is an interpreter that the workspace is for.
        """
        with tempfile.TemporaryDirectory(prefix="envbuild-export-") as folder:
            Path(folder, "pyproject.toml").write_text(pyproject, encoding="utf-8")
            argv = (uv_executable(), "lock", *base_arguments(), "--quiet")
            argv += ("--cache-dir", str(self.cache), "--python", python)
            argv += () if allow_sdist else ("--no-build",)
            env = scrubbed_environment(os.environ, **self.index_environment)
            done = self.runner.run(Command(argv=argv, env=env, cwd=folder))
            if done.code != 0:
                message = "uv could not lock the workspace of the exported pins"
                raise IndexFailureError(
                    Problem(message=message, detail=without_switches(done.stderr))
                )
            return Path(folder, "uv.lock").read_text(encoding="utf-8")
