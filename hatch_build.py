"""Writes the man pages while a wheel is built, so that they are those of its parser."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface[Any]):
    """Adds `share/man/man1` to the wheel's data."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages into a folder that lasts until the build has ended."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from envbuild.cli.manual import manual_pages

        self._folder = tempfile.TemporaryDirectory()
        for name, text in manual_pages().items():
            path = Path(self._folder.name, name)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = f"share/man/man1/{name}"

    def finalize(self, *_: object) -> None:
        """Remove the folder."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
