"""The file of a locked package that a host installs."""

from __future__ import annotations

from envbuild.value import value


@value
class ChosenFile:
    """A locked file that a host installs."""

    package: str
    version: str
    index: str
    file: str
    sha256: str
    size: int
    """In bytes."""
