"""A wheel's METADATA, found in the archive and parsed."""

from __future__ import annotations

import re
import zipfile
import zlib
from functools import lru_cache
from typing import IO, TYPE_CHECKING, cast

from envbuild.target.target import parse_target
from envbuild.value import value
from envbuild.wheelcache.central_directory import ShortenedArchive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.markers import Marker

_SOME_TARGET = parse_target("3.12-x86_64-manylinux_2_28")
"""Any target will do: it does not matter which target a comparison is tested on."""

_OLD_CLAUSE = r"(?:===?|[~!<>]=|[<>])\s?[\w.*+!-]+"
_OLD_SPECIFIER = re.compile(rf"\s?\(?\s?{_OLD_CLAUSE}(?:\s?,\s?{_OLD_CLAUSE})*\s?\)?\s?$")
_QUOTES = re.compile("[\"']")
"""Quotes around versions in some old packages (`six>="1.0"`), which resolvers remove."""

_LONGEST_OF_OLD = 500
_METADATA = b".dist-info/METADATA"
_LARGEST = 16 << 20
"""The most bytes of METADATA; a longer one is not read."""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
)
"""Errors of zipfile for archives that are broken, encrypted or packed in an unknown way."""


class MisnamedError(ValueError):
    """METADATA has another name or version than the file's name."""


@value
class WheelMetadata:
    """The parts of METADATA that decide which packages are needed, and the file's size."""

    requires: tuple[str, ...]
    """`Requires-Dist` in the published order, without addresses."""

    requires_python: str | None
    provides_extras: tuple[str, ...]
    size: int
    """The size of the wheel or the source distribution, in bytes."""


def find_metadata(wheel: IO[bytes], package: str) -> bytes:
    """A package's METADATA, from a wheel that can be read at any position.

    ValueError says what is wrong with the wheel.
    """
    try:
        shortened = ShortenedArchive(wheel, _METADATA)
        with zipfile.ZipFile(cast("IO[bytes]", shortened)) as archive:
            member = archive.getinfo(_metadata_name(archive.namelist(), package))
            if member.file_size > _LARGEST:
                raise ValueError("its METADATA is too long")
            with archive.open(member) as stream:
                return stream.read(_LARGEST)
    except UNREADABLE as error:
        raise ValueError("it is not a readable zip archive") from error


def parse_metadata(
    content: bytes, package: str, size: int, version: str | None = None, *, built: bool = False
) -> WheelMetadata:
    """METADATA → value; ValueError says what is wrong, MisnamedError if it belongs to another file.

    `version` is that of the file's name, or None to skip this check;
    a wheel `built` from source may add a local version to it (PEP 440).
    """
    from packaging.metadata import parse_email
    from packaging.utils import canonicalize_name

    raw, unparsed = parse_email(head_of(content))
    name = raw.get("name")
    if name is None:
        raise ValueError("its METADATA has no Name")
    if canonicalize_name(name) != package:
        raise MisnamedError(f"its METADATA is that of '{name}'")
    inside = raw.get("version")
    if version is not None and inside is not None and not _is_same(inside, version, built=built):
        raise MisnamedError(f"its METADATA says version {inside}")
    if "requires-dist" in unparsed:
        raise ValueError("its Requires-Dist is not a text")
    return WheelMetadata(
        requires=tuple(map(published_requirement, raw.get("requires_dist", ()))),
        requires_python=raw.get("requires_python"),
        provides_extras=tuple(raw.get("provides_extra", ())),
        size=size,
    )


def head_of(content: bytes) -> bytes:
    """METADATA without the description that follows its fields."""
    ends = (content.find(end) for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))
    found = [end for end in ends if end >= 0]
    return content[: min(found) + 1] if found else content


def _is_same(inside: str, version: str, *, built: bool) -> bool:
    """Whether METADATA's version is that of the file's name."""
    from packaging.version import InvalidVersion, Version

    try:
        found, wanted = Version(inside), Version(version)
    except InvalidVersion:
        return False
    return found == wanted or (built and wanted.local is None and found.public == wanted.public)


def _metadata_name(names: Iterable[str], package: str) -> str:
    """The package's METADATA at the top of the archive."""
    from packaging.utils import canonicalize_name

    found = [name for name in names if name.endswith(_METADATA.decode()) and name.count("/") == 1]
    if len(found) > 1:
        found = [name for name in found if canonicalize_name(name.partition("-")[0]) == package]
    if len(found) != 1:
        raise ValueError("it has no METADATA of its package")
    return found[0]


def published_requirement(text: str) -> str:
    """A requirement as published, on one line; an address is removed.

    Requirements from before PEP 440 (`six>=1.*`) are kept, because resolvers accept them.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    text = " ".join(text.split()).rstrip(" ,")
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        if _is_of_old(text):
            return text
        bare, semicolon, marker = text.partition(";")
        if (unquoted := _QUOTES.sub("", bare)) != bare:
            return published_requirement(f"{unquoted}{semicolon}{marker}")
        raise ValueError(f"it requires '{text}', which is not a valid requirement") from None
    if requirement.marker is not None and not _can_be_evaluated(requirement.marker):
        raise ValueError(f"it requires '{text}', whose marker compares what cannot be compared")
    if requirement.url is not None:
        requirement.url = None
        text = str(requirement)
    if "://" in text:
        raise ValueError(f"it requires '{text}', which has an address")
    return text


@lru_cache(maxsize=4096)
def _can_be_evaluated(marker: Marker) -> bool:
    """Whether every comparison has a result: `python_version ~= '3'` has none, on any target."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    try:
        marker.evaluate(_SOME_TARGET.marker_environment() | {"extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False
    return True


def _is_of_old(text: str) -> bool:
    """Whether only the form of the specifier is invalid."""
    from packaging.requirements import InvalidRequirement, Requirement

    bare, semicolon, marker = text.partition(";")
    if len(bare) > _LONGEST_OF_OLD:
        return False
    name = _OLD_SPECIFIER.sub("", bare)
    if name == bare:
        return False
    try:
        return Requirement(f"{name}{semicolon}{marker}").url is None
    except InvalidRequirement:
        return False
