"""An environment's folder: where its packages are, and how it is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.deletion import remove_tree

if TYPE_CHECKING:
    from pathlib import Path


def find_site_packages(environment: Path) -> Path:
    """The environment's one site-packages folder; HostError where it is not there."""
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        raise HostError(Problem(message=f"{environment} has no site-packages folder"))
    return found[0]


def remove_environment(environment: Path) -> None:
    """Delete an environment, or a link or a file at its path; it may be missing."""
    remove_tree(environment)
