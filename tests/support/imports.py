"""What `envbuild import` is given, and what it has declared."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine

HASH = "a" * 64


def drivers(run: CommandLine) -> dict[str, Any]:
    """What is declared now."""
    table: dict[str, Any] = tomllib.loads((run.cwd / "drivers.toml").read_text())["drivers"]
    return table


def write(run: CommandLine, name: str, text: str) -> str:
    """Put a file beside the declaration."""
    path = run.cwd / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return name
