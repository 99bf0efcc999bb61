"""Environments as a build leaves them: for everybody to read, and for nobody to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.environment.survey import survey

if TYPE_CHECKING:
    from pathlib import Path


def freeze_modes(environment: Path) -> None:
    """Give everything below an environment the modes that a build gives it."""
    survey(environment, known={}, freeze=True)
