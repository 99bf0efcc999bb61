"""An environment's folder: its site-packages, and how it is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.deletion import remove_tree

if TYPE_CHECKING:
    from pathlib import Path


def find_site_packages(environment: Path) -> Path:
    """The environment's only site-packages folder; HostError if it is missing."""
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        raise HostError(Problem(message=f"{environment} has no site-packages folder"))
    return found[0]


def remove_environment(environment: Path) -> None:
    """Delete an environment, or a link or file in its place; it may be missing."""
    remove_tree(environment)
