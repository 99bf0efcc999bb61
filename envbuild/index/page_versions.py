"""The versions on a package's page that a target can take, and why not the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from envbuild.lockfile.warnings import PLATFORM, PYTHON, SOURCE, TOO_NEW
from envbuild.requirement.parse import normalized_name
from envbuild.target.wheel_choice import best_wheel, fits_python
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.resolution.resolution import ResolveRequest
    from envbuild.target.target import Target

_LOWEST = re.compile(r"(?:>=|>|~=|===?)\s*(\d+(?:\.\d+)*)")
_COMMIT = re.compile(r"\.[0-9a-f]{40}$")
"""Behind the version in the name of a source tree."""

_KINDS = (".tar.gz", ".zip", ".tree")
_LONGEST = 200
"""A longer version is ignored, in characters."""

_AGE = re.compile(r"(\d+) (hour|day|week)s?")


@value
class PageVersions:
    """The files of one package that are not yanked, by version."""

    package: str
    files: Mapping[Version, list[IndexFile]]
    request: ResolveRequest

    def versions(self, allowed: SpecifierSet) -> list[Version]:
        """The versions in a range, newest first; pre-releases if it asks for one or nothing else matches."""
        every = sorted(allowed.filter(self.files, prereleases=True), reverse=True)
        final = [version for version in every if not version.is_prerelease]
        return every if allowed.prereleases or not final else final

    def wheel(self, version: Version) -> IndexFile | None:
        """The wheel of a version for the target."""
        listed = {file.filename: file for file in self._in_time(version) if self._is_for_us(file)}
        best = best_wheel(listed, self.request.target)
        return None if best is None else listed[best]

    def source(self, version: Version) -> IndexFile | None:
        """The `.tar.gz` source distribution of a version, if there is one."""
        listed = (file for file in self._in_time(version) if self._is_for_us(file))
        return next((file for file in listed if file.filename.endswith(".tar.gz")), None)

    def obstacle(self, version: Version) -> str | None:
        """Why the target cannot take a version, one of `REASONS`; None if it can."""
        files = self._in_time(version)
        if not files:
            return TOO_NEW
        files = [file for file in files if self._is_for_us(file)]
        names = [file.filename for file in files]
        if not files:
            return PYTHON
        if self.package in self.request.force_sdist:
            return PLATFORM if all(name.endswith(".whl") for name in names) else None
        if best_wheel(names, self.request.target) is not None:
            return None
        if not all(name.endswith(".whl") for name in names):
            return None if self.package in self.request.may_be_built else SOURCE
        return PLATFORM if fits_python(names, self.request.target) else PYTHON

    def _in_time(self, version: Version) -> list[IndexFile]:
        limit = self.request.limit_of(self.package)
        if limit is None:
            return self.files[version]
        until = moment_of(limit)
        return [file for file in self.files[version] if uploaded(file) < until]

    def _is_for_us(self, file: IndexFile) -> bool:
        return admits_python(file.requires_python or "", self.request.target)


class _FilesOnPage(Mapping["Version", "list[IndexFile]"]):
    """The files of each version; read from the page when a version is needed, because most are never needed."""

    def __init__(self, page: ProjectPage, places: Mapping[Version, list[int]]) -> None:
        self._page, self._places = page, places

    def __getitem__(self, version: Version) -> list[IndexFile]:
        return [self._page.file_at(place) for place in self._places[version]]

    def __iter__(self) -> Iterator[Version]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def versions_on_page(page: ProjectPage, request: ResolveRequest) -> PageVersions:
    """The versions for a request; with a limit on age, files without an upload time are left out."""
    files: Mapping[Version, list[IndexFile]] = _FilesOnPage(page, _places(page))
    if request.limit_of(page.name) is not None:
        timed = {
            version: [file for file in listed if file.upload_time is not None]
            for version, listed in files.items()
        }
        files = {version: listed for version, listed in timed.items() if listed}
    return PageVersions(package=page.name, files=files, request=request)


@lru_cache(maxsize=1 << 10)
def _places(page: ProjectPage) -> Mapping[Version, list[int]]:
    """Where on the page the files of each version are that are not withdrawn."""
    found: dict[Version, list[int]] = {}
    for filename, place in page.names():
        version = version_of(page.name, filename)
        if version is not None:
            found.setdefault(version, []).append(place)
    return found


def version_of(package: str, filename: str) -> Version | None:
    """The version in a file's name; None for a file of another package.

    `tool-1.0-2.tar.gz` belongs to no package and has no version 2.
    A page has thousands of names, so tags are parsed only for the few that matter.
    """
    if filename.endswith(".whl"):
        name, *parts = filename.removesuffix(".whl").split("-")
        text = parts[0] if len(parts) in (4, 5) else ""
    else:
        stem = next((filename.removesuffix(end) for end in _KINDS if filename.endswith(end)), "")
        name, _, text = stem.rpartition("-")
        if filename.endswith(".tree"):
            text = _COMMIT.sub("", text)
    return parsed_version(text) if text and normalized_name(name) == package else None


@lru_cache(maxsize=1 << 14)
def parsed_version(text: str) -> Version | None:
    """The version that this text in a file's name is; None if it is not a version."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text.replace("_", "-")) if len(text) <= _LONGEST else None
    except (InvalidVersion, ValueError):
        return None


@lru_cache(maxsize=1 << 12)
def admits_python(requires_python: str, target: Target) -> bool:
    """Whether `Requires-Python` admits the target's Python; upper bounds, which are guesses, are ignored."""
    have = tuple(map(int, target.newest_python.split(".")))
    bounds = _LOWEST.findall(requires_python)
    return all(tuple(map(int, bound.split(".")[:3])) <= have for bound in bounds)


def is_age(limit: str | None) -> bool:
    """Whether a limit counts back from the moment at which it is judged."""
    return limit is not None and _AGE.fullmatch(limit) is not None


def moment_of(limit: str, now: datetime | None = None) -> datetime:
    """The moment from which releases are excluded: a date's whole day is still included, as in resolvers.

    An age counts back from `now`, which is this moment if it is not given.
    """
    if (age := _AGE.fullmatch(limit)) is not None:
        return (now or datetime.now(UTC)) - timedelta(**{f"{age[2]}s": int(age[1])})
    if len(limit) == len("2026-01-01"):
        day = date.fromisoformat(limit)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return datetime.fromisoformat(limit)


def uploaded(file: IndexFile) -> datetime:
    """When a file was uploaded; far in the future if its page does not say it."""
    return uploaded_at(file.upload_time or "9999-12-31")


def uploaded_at(text: str) -> datetime:
    """An upload time as a page has it."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
