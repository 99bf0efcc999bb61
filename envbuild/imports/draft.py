"""A driver as an import proposes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.imports.direct import is_direct, read_direct
from envbuild.target.target import KNOWN_PYTHONS
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.imports.direct import Locate, SourceTable
    from envbuild.lockfile.first_pins import FirstPin


@value
class Draft:
    """A driver, and what could not be imported."""

    name: str
    """The source's name; it is made a valid driver name later."""

    requires: tuple[str, ...]
    """As they were written; each is a valid requirement of a driver."""

    binary: str | None = None
    version_of: str | None = None
    """The package whose version names the environment; None for the first requirement's."""

    commands: tuple[str, ...] = ()
    python: str | None = None
    pythons: tuple[str, ...] = ()
    """In order of preference; empty where `python` or nothing is said."""

    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    force_sdist: tuple[str, ...] = ()
    """Normalised names."""

    sources: tuple[tuple[str, SourceTable], ...] = ()
    """Normalised names with the place of their package."""

    inherit: tuple[str, ...] = ()
    """Normalised names of packages that come from a Python of the host."""

    index_url: str | None = None
    """The default index, without user and password; it concerns the whole declaration."""

    pins: tuple[FirstPin, ...] = ()
    left_out: tuple[str, ...] = ()
    """What no declaration can say, each as `WHAT: WHY`; an error unless the user takes the rest."""

    notes: tuple[str, ...] = ()
    """Remarks for the user, one sentence each without a final stop."""


@value
class ReadRequirements:
    """Requirements of another tool, as far as a driver can have them."""

    requires: tuple[str, ...] = ()
    """Each once, as it was written."""

    sources: tuple[tuple[str, SourceTable], ...] = ()
    left_out: tuple[str, ...] = ()


def read_requirements(texts: Iterable[str], locate: Locate | None = None) -> ReadRequirements:
    """The valid requirements of a driver; those by URL and, with `locate`, by path become sources."""
    requires: dict[str, str] = {}
    sources: dict[str, SourceTable] = {}
    left_out: list[str] = []
    for text in texts:
        try:
            if is_direct(text):
                direct = read_direct(text, locate)
                requires.setdefault(direct.requirement, direct.requirement)
                sources.setdefault(direct.name, direct.source)
            else:
                requires.setdefault(str(parse_requirement(text)), text.strip())
        except TextError as error:
            left_out.append(left_out_line(text, error))
    return ReadRequirements(
        requires=tuple(requires.values()),
        sources=tuple(sources.items()),
        left_out=tuple(left_out),
    )


def left_out_line(text: str, error: TextError) -> str:
    """What is left out, and why; an address, which may have a password, is not repeated."""
    what = "a requirement by URL" if "://" in text else text[:200]
    return f"{what}: {error}" + (f" ({error.hint})" if error.hint else "")


def no_extra(extra: str, known: Iterable[str], *, file: str, key: str) -> UsageError:
    """The error for an extra that a project does not have; `known` are those that it has."""
    hint = f"there are: {', '.join(known) or 'none'}"
    return UsageError(
        Problem(file=file, key=key, message=f"there is no extra {extra!r}", hint=hint)
    )


def supported_pythons(specifier: str) -> tuple[str, ...]:
    """The minor versions that a `Requires-Python` admits, newest first; empty if it admits all.

    TextError if it admits none that a driver can have, or is not one.
    """
    try:
        wanted = SpecifierSet(specifier)
    except InvalidSpecifier:
        raise TextError(f"{specifier[:80]!r} is not a range of Pythons") from None
    ends = ("0", "99")  # the first patch release, and one above all
    found = tuple(
        minor for minor in KNOWN_PYTHONS if any(wanted.contains(f"{minor}.{end}") for end in ends)
    )
    if not found:
        raise TextError(f"it admits none of the Pythons {KNOWN_PYTHONS[-1]} to {KNOWN_PYTHONS[0]}")
    return () if found == KNOWN_PYTHONS else found
