"""A list of a host's packages: the output of `pip freeze`, `pip list` or `pip inspect`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.requirement.parse import is_requirement, normalized_name, parse_version
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)"
_PINNED = re.compile(rf"{_NAME}\s*==\s*(?P<version>[A-Za-z0-9!+._-]+)\s*(;.*)?")
_LISTED = re.compile(rf"{_NAME}\s+(?P<version>[A-Za-z0-9!+._-]+)(\s.*)?")
_LIST_HEAD = re.compile(r"Package\s+Version\b")
_MOST = 20_000
"""The most packages of a list, and requirements of one of them."""

_HINT = "write it with `python3 -m pip inspect` or `python3 -m pip freeze` on the host"


@value
class HostPackage:
    """A package that a host has."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    requires: tuple[str, ...] = ()
    """Its `Requires-Dist`, if the list has them."""


def read_host_packages(text: str, *, file: str) -> tuple[HostPackage, ...]:
    """A list's text → packages; UsageError if it is not a list, or has a package at two versions."""
    found: dict[str, HostPackage] = {}
    rows = _inspected(text, file) if text.lstrip()[:1] == "{" else _lines(text, file)
    for package in rows:
        other = found.setdefault(package.name, package)
        if other.version != package.version:
            words = f"{package.name} is listed as {other.version} and as {package.version}"
            raise _wrong(file, words)
        if len(found) > _MOST or len(package.requires) > _MOST:
            raise _wrong(file, f"it lists more than {_MOST} packages")
    if not found:
        raise _wrong(file, "it lists no package")
    return tuple(found.values())


def _lines(text: str, file: str) -> Iterator[HostPackage]:
    """`NAME==VERSION` lines, or the table of `pip list`; comments, options and packages by URL are left out."""
    lines = text.splitlines()
    listed = bool(lines) and _LIST_HEAD.match(lines[0]) is not None
    for number, raw in enumerate(lines[1:] if listed else lines, start=2 if listed else 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line or line.startswith("-") or " @ " in line:
            continue
        match = (_LISTED if listed else _PINNED).fullmatch(line)
        if match is None:
            raise _wrong(file, f"{line[:80]!r} is not NAME==VERSION", number)
        yield _package(match["name"], match["version"], (), file, number)


def _inspected(text: str, file: str) -> Iterator[HostPackage]:
    """The `installed` packages of `pip inspect`, with what they require."""
    try:
        rows = json.loads(text)["installed"]
        for row in rows:
            metadata = row["metadata"]
            requires = metadata.get("requires_dist") or ()
            plain = tuple(
                str(one) for one in requires if is_requirement(str(one)) and "@" not in str(one)
            )
            yield _package(str(metadata["name"]), str(metadata["version"]), plain, file, None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _wrong(file, f"it is not the output of `pip inspect`: {error!r:.200}") from error


def _package(
    name: str, version: str, requires: tuple[str, ...], file: str, line: int | None
) -> HostPackage:
    try:
        parse_version(version)
    except ValueError:
        raise _wrong(file, f"{name} has no valid version: {version[:80]!r}", line) from None
    return HostPackage(name=normalized_name(name), version=version, requires=requires)


def _wrong(file: str, message: str, line: int | None = None) -> UsageError:
    return UsageError(Problem(file=file, line=line, message=message, hint=_HINT))
