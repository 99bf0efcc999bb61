"""A driver as an import proposes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.table import TextError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.lockfile.first_pins import FirstPin


@value
class Draft:
    """A driver, and what could not be imported."""

    name: str
    """The source's name; it is made a valid driver name later."""

    requires: tuple[str, ...]
    """As they were written; each is a valid requirement of a driver."""

    binary: str | None = None
    commands: tuple[str, ...] = ()
    python: str | None = None
    constraints: tuple[str, ...] = ()
    force_sdist: tuple[str, ...] = ()
    """Normalised names."""

    inherit: tuple[str, ...] = ()
    """Normalised names of packages that come from a Python of the host."""

    index_url: str | None = None
    """The default index, without user and password; it concerns the whole declaration."""

    pins: tuple[FirstPin, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks for the user, one sentence each without a final stop."""


def read_requirements(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The valid requirements of a driver, each once, and a note for each other text."""
    requires: dict[str, str] = {}
    notes: list[str] = []
    for text in texts:
        try:
            requires.setdefault(str(parse_requirement(text)), text.strip())
        except TextError as error:
            what = text if "://" not in text else "a requirement by URL"
            notes.append(f"left out {what}: {error}" + (f" ({error.hint})" if error.hint else ""))
    return tuple(requires.values()), tuple(notes)
