"""A vulnerability database as files: an export of OSV's format (version 1), in a folder or a zip."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from envbuild.errors import Problem, UsageError
from envbuild.index.advisory import Advisory, each_once, one_line
from envbuild.lean_json import as_list, as_table, as_text, open_ordinary
from envbuild.requirement.parse import normalized_name
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from envbuild.index.advisory import AuditedRelease

_ECOSYSTEM = "PyPI"
_LARGEST_ENTRY = 8 << 20
_LARGEST_ZIP = 1 << 30
_LARGEST_DATABASE = 4 << 30
MOST_ENTRIES = 1_000_000
_MOST_PROBLEMS = 20
_LOWEST = Version("0")
_KEYS = ("introduced", "fixed", "last_affected", "limit")
_HINT = "download the export again: the unreadable entry may concern a locked package"


@value
class Affected:
    """What one entry says of one package."""

    advisory: Advisory
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    """The events of each range: kind and version."""


@value
class OsvDatabase:
    """The entries about some packages, by the package's normalised name."""

    affected: Mapping[str, tuple[Affected, ...]]

    def advisories(
        self, releases: Sequence[AuditedRelease]
    ) -> Mapping[AuditedRelease, tuple[Advisory, ...] | None]:
        """The advisories of each release; a database judges every release."""
        return {one: self._of(one.package, one.version) for one in releases}

    def _of(self, package: str, version: str) -> tuple[Advisory, ...]:
        entries = self.affected.get(package, ())
        return each_once(one.advisory for one in entries if affects(one, version))


def affects(entry: Affected, version: str) -> bool:
    """Whether a version is one of the entry's, or in one of its ranges; a local label (`+cu128`) does not count."""
    wanted = _order(version)
    if any(_order(listed) == wanted for listed in entry.versions):
        return True
    return any(_in_range(events, wanted) for events in entry.ranges)


def _order(version: str) -> tuple[int, Version, str]:
    """How OSV orders versions; one that PEP 440 does not know, of long ago, comes before all others."""
    try:
        return 1, Version(Version(version).public), ""
    except InvalidVersion:
        return 0, _LOWEST, version


def _in_range(events: tuple[tuple[str, str], ...], wanted: tuple[int, Version, str]) -> bool:
    """OSV's evaluation: the last event that is not above the version decides."""
    inside = False
    placed = [(_order(at) if at != "0" else (-1, _LOWEST, ""), kind) for kind, at in events]
    for at, kind in sorted(placed, key=lambda one: (one[0], one[1] == "introduced")):
        if kind == "introduced" and at <= wanted:
            inside = True
        elif (kind in ("fixed", "limit") and at <= wanted) or (
            kind == "last_affected" and at < wanted
        ):
            inside = False
    return inside


def read_database(path: Path, packages: Collection[str]) -> OsvDatabase:
    """The entries of a folder or a zip that are about these packages, by their normalised names.

    UsageError if there is no such database, an entry is not what the format says, or it is too large.
    """
    found: dict[str, list[Affected]] = {}
    problems: list[Problem] = []
    about_python = False
    for name, content in _contents(path):
        if _ECOSYSTEM.encode() not in content:
            continue
        try:
            for package, affected in _entry(content):
                about_python = True
                if affected is not None and package in packages:
                    found.setdefault(package, []).append(affected)
        except _EntryError as error:
            problems.append(
                Problem(file=name, key=error.key or None, message=error.message, hint=_HINT)
            )
            if len(problems) == _MOST_PROBLEMS:
                break
    if problems:
        raise UsageError(problems)
    if not about_python:
        message = "it has no entry about a Python package"
        raise UsageError(_wrong(path, message, "name an export of OSV's format"))
    return OsvDatabase(affected={name: tuple(entries) for name, entries in found.items()})


def _wrong(path: Path, message: str, hint: str = "name a folder or a zip") -> Problem:
    return Problem(file=str(path), key="--database", message=message, hint=hint)


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each JSON file with its name for messages; errors as in `read_database`."""
    total = number = 0
    for name, content in _in_folder(path) if path.is_dir() else _in_zip(path):
        total, number = total + len(content), number + 1
        if len(content) > _LARGEST_ENTRY:
            message = f"the entry is larger than {_LARGEST_ENTRY >> 20} MiB"
            raise UsageError(Problem(file=name, message=message, hint="it is not an advisory"))
        if total > _LARGEST_DATABASE or number > MOST_ENTRIES:
            message = (
                f"it holds more than {_LARGEST_DATABASE >> 30} GiB or {MOST_ENTRIES:,} entries"
            )
            raise UsageError(_wrong(path, message, "name an export that has only Python packages"))
        yield name, content


def _in_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(path, onerror=_unreadable):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".json"):
                place = os.path.join(folder, name)  # noqa: PTH118
                try:
                    with os.fdopen(open_ordinary(place), "rb") as stream:
                        yield place, stream.read(_LARGEST_ENTRY + 1)
                except OSError as error:
                    _unreadable(error)


def _unreadable(error: OSError) -> None:
    problem = Problem(file=str(error.filename), message=f"cannot be read: {error.strerror}")
    raise UsageError(problem) from error


def _in_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.is_file():
        raise UsageError(_wrong(path, "there is no such folder and no such file"))
    if path.stat().st_size > _LARGEST_ZIP:
        raise UsageError(_wrong(path, f"it is larger than {_LARGEST_ZIP >> 30} GiB"))
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".json"):
                    with archive.open(member) as stream:
                        yield f"{path}/{member.filename}", stream.read(_LARGEST_ENTRY + 1)
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(_wrong(path, f"it cannot be read as a zip: {error}")) from error


class _EntryError(Exception):
    """An entry is not what the format says, at a key."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


def _entry(content: bytes) -> Iterator[tuple[str, Affected | None]]:
    """Each Python package that an entry is about, with what it says; None if it was withdrawn."""
    try:
        table = as_table(json.loads(content))
    except (ValueError, TypeError, RecursionError) as error:
        raise _EntryError("", f"this is not an entry in JSON: {error}") from None
    key = "id"
    try:
        named = as_text(table["id"])
        key = "affected"
        for number, raw in enumerate(as_list(table.get("affected") or [])):
            key = f"affected[{number}].package"
            affected = as_table(raw)
            package = as_table(affected.get("package") or {})
            if str(package.get("ecosystem", "")).partition(":")[0] != _ECOSYSTEM:
                continue
            name = normalized_name(as_text(package["name"]))
            key = f"affected[{number}]"
            said = None if table.get("withdrawn") else _affected(named, table, affected)
            yield name, said
    except (TypeError, LookupError, AttributeError) as error:
        raise _EntryError(key, f"not in OSV's format: {error}") from None


def _affected(named: str, table: dict[str, Any], affected: dict[str, Any]) -> Affected:
    ranges = []
    for raw in map(as_table, as_list(affected.get("ranges") or [])):
        if raw.get("type") != "GIT":  # commits, which no release names
            events = map(as_table, as_list(raw["events"]))
            ranges.append(
                tuple(
                    (kind, as_text(event[kind]))
                    for event in events
                    for kind in _KEYS
                    if kind in event
                )
            )
    fixed = [at for events in ranges for kind, at in events if kind == "fixed"]
    own = table.get("database_specific")
    severity = own.get("severity") if isinstance(own, dict) else None
    advisory = Advisory(
        id=named,
        aliases=tuple(map(as_text, as_list(table.get("aliases") or []))),
        summary=one_line(table.get("summary"), table.get("details")),
        severity=severity if isinstance(severity, str) else None,
        fixed=tuple(dict.fromkeys(fixed)),
    )
    return Affected(
        advisory=advisory,
        versions=frozenset(map(as_text, as_list(affected.get("versions") or []))),
        ranges=tuple(ranges),
    )
