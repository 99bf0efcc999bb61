"""Let uv lock a workspace, for launchers that read `uv.lock`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.system.process import Command, scrubbed_environment
from envbuild.system.uv.executable import base_arguments, uv_executable
from envbuild.system.uv.words import without_switches
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.system.index.locations import IndexLocation
    from envbuild.system.process import Runner


@value
class WorkspaceLocker:
    """Makes a `uv.lock` of a `pyproject.toml`."""

    runner: Runner
    cache: Path
    """uv's cache, private to envbuild."""

    default: IndexLocation
    """Where packages come from that the workspace binds to no index."""

    def lock(self, pyproject: str, *, python: str, allow_sdist: bool) -> str:
        """The text of `uv.lock`; IndexFailureError carries uv's own words.

        `python` is an interpreter that the workspace is for.
        """
        with tempfile.TemporaryDirectory(prefix="envbuild-export-") as folder:
            Path(folder, "pyproject.toml").write_text(pyproject, encoding="utf-8")
            argv = (uv_executable(), "lock", *base_arguments(), "--quiet")
            argv += ("--cache-dir", str(self.cache), "--python", python)
            argv += () if allow_sdist else ("--no-build",)
            env = scrubbed_environment(os.environ, **self._index())
            done = self.runner.run(Command(argv=argv, env=env, cwd=folder))
            if done.code != 0:
                message = "uv could not lock the workspace of the exported pins"
                raise IndexFailureError(
                    Problem(message=message, detail=without_switches(done.stderr))
                )
            return Path(folder, "uv.lock").read_text(encoding="utf-8")

    def _index(self) -> dict[str, str]:
        if self.default.folder is not None:
            return {"UV_FIND_LINKS": str(self.default.folder), "UV_NO_INDEX": "1"}
        told = {"UV_DEFAULT_INDEX": f"default={self.default.url}"}
        if self.default.credentials is not None:
            told["UV_INDEX_DEFAULT_USERNAME"] = self.default.credentials.user
            told["UV_INDEX_DEFAULT_PASSWORD"] = self.default.credentials.password
        return told
