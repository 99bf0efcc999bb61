"""Whether a package's index gives a target the very file that it has locked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from envbuild.target.wheel_choice import best_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.index.page import IndexFile
    from envbuild.resolution.resolution import LockedChoice


def offers(wheels: Iterable[IndexFile], choice: LockedChoice) -> bool:
    """Whether of all wheels of its version the choice is the best, listed once, with its sha256, and not yanked."""
    wheels = tuple(wheels)
    listed = [file for file in wheels if file.filename == choice.file]
    return (
        len(listed) == 1
        and listed[0].sha256 == choice.sha256
        and listed[0].yanked is None
        and _runs_on(listed[0].requires_python, choice.target.newest_python)
        and best_wheel((file.filename for file in wheels), choice.target) == choice.file
    )


@cache
def _runs_on(requires_python: str | None, python: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return requires_python is None or SpecifierSet(requires_python).contains(python)
    except InvalidSpecifier:
        return False
