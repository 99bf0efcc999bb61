"""Pages and METADATA as a resolver judges them for one target; each judgement is made once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envbuild.index.page_versions import admits_python
from envbuild.requirement.parse import admits, outcomes, parse_version
from envbuild.resolution.resolution import listed_files
from envbuild.target.wheel_choice import best_wheel, fits_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from packaging.version import Version

    from envbuild.index.listed_wheels import ListedWheel
    from envbuild.index.served_answers import ServedAnswers
    from envbuild.resolution.resolution import ListedFile
    from envbuild.target.target import Target


class TargetView:
    """One target over what a router serves; safe to use from several threads."""

    def __init__(
        self,
        served: ServedAnswers,
        target: Target,
        moments_of: Callable[[str], Sequence[datetime]],
    ) -> None:
        """The target is as the resolver sees it.

        `moments_of` gives the moments from which on a package's releases do not count; none without a limit.
        """
        self.target = target
        self._served = served
        self._moments_of = moments_of
        self._fits: dict[str, bool | None] = {}
        self._pythons: dict[str, frozenset[str]] = {}
        self._preferred: dict[tuple[str, Version], ListedWheel | None] = {}
        self._taken: dict[tuple[str, Version], frozenset[tuple[object, ...]]] = {}
        self._firsts: dict[tuple[str, frozenset[str]], Version | None] = {}
        self._files: dict[tuple[str, Version], tuple[ListedFile, ...]] = {}
        self._outcomes: dict[tuple[str, frozenset[str]], tuple[bool, ...]] = {}

    def judge_python(self, requires_python: str) -> frozenset[str]:
        """What a `Requires-Python` says of the target's Python; equal for two that nobody can tell apart by it.

        Its lower bounds are judged alone, as uv does it, and all bounds together; an invalid one by its text.
        """
        if requires_python not in self._pythons:
            self._pythons[requires_python] = _judgements(requires_python, self.target)
        return self._pythons[requires_python]

    def admits_python(self, requires_python: str) -> bool:
        """Whether a `Requires-Python` admits the target's Python, however it is judged."""
        return self.judge_python(requires_python) == {_LOWER, _ALL}

    def fits(self, wheel: ListedWheel) -> bool:
        """Whether the target can take a wheel, as uv judges it."""
        return bool(self._fits_tags(wheel)) and _LOWER in self.judge_python(wheel.requires_python)

    def _fits_tags(self, wheel: ListedWheel) -> bool | None:
        if wheel.tags not in self._fits:
            self._fits[wheel.tags] = fits_tags(wheel.tags, self.target)
        return self._fits[wheel.tags]

    def preferred(self, package: str, version: Version) -> ListedWheel | None:
        """The wheel of a version that the target takes; None if it can take none."""
        key = (package, version)
        if key not in self._preferred:
            page = self._served.wheels(package)
            listed = page.of(version) if page is not None else ()
            fitting = {wheel.filename: wheel for wheel in listed if self.fits(wheel)}
            best = best_wheel(fitting, self.target)
            self._preferred[key] = fitting[best] if best is not None else None
        return self._preferred[key]

    def can_take(self, package: str, version: Version) -> bool:
        """Whether it can take a wheel of a version that is neither withdrawn nor too new."""
        page = self._served.wheels(package)
        moments = self._moments_of(package)
        return any(
            self.fits(wheel) and all(wheel.kind(moments)[1:])
            for wheel in (page.of(version) if page is not None else ())
            if not wheel.is_yanked
        )

    def first_version(self, package: str, ranges: frozenset[str]) -> Version:
        """The newest final version in all of the ranges that the target can take.

        ValueError if there is none, or if one may come before it that is withdrawn, or local and not judged.
        """
        key = (package, ranges)
        if key not in self._firsts:
            self._firsts[key] = self._find_first(package, ranges)
        found = self._firsts[key]
        if found is None:
            raise ValueError(f"{package} is not judged")
        return found

    def _find_first(self, package: str, ranges: frozenset[str]) -> Version | None:
        page = self._served.wheels(package)
        if page is None:
            return None
        for version in page.versions:
            if version.is_prerelease:
                continue
            if version.local is not None and any(_draws_a_line(one, version) for one in ranges):
                return None
            if not all(admits(one, str(version)) for one in ranges):
                continue
            if any(wheel.is_yanked for wheel in page.of(version)):
                return None
            if self.can_take(package, version):
                return version
        return None

    def files(self, package: str, version: Version) -> tuple[ListedFile, ...]:
        """The files of a version that the target can take."""
        key = (package, version)
        if key not in self._files:
            page = self._served.wheels(package)
            wheels = filter(self.fits, page.of(version) if page is not None else ())
            entries = ((one.filename, one.url, json.loads(one.hashes)) for one in wheels)
            self._files[key] = listed_files(package, entries)
        return self._files[key]

    def taken(self, package: str, version: Version) -> frozenset[tuple[object, ...]]:
        """The kinds of wheels of a version that it can take, with what `judge_python` says of each.

        Wheels with invalid tags for every platform are among them, as they are the same to all targets.
        ValueError for other invalid tags.
        """
        key = (package, version)
        if key not in self._taken:
            page = self._served.wheels(package)
            moments = self._moments_of(package)
            self._taken[key] = frozenset(
                (*wheel.kind(moments), judgement)
                for wheel in (page.of(version) if page is not None else ())
                for judgement in self._judged(wheel)
            )
        return self._taken[key]

    def _judged(self, wheel: ListedWheel) -> frozenset[str]:
        fits = self._fits_tags(wheel)
        if fits is None and not wheel.tags.endswith("-any"):
            raise ValueError(f"{wheel.filename} has invalid tags")
        if fits is None:
            return frozenset((wheel.tags,))
        return self.judge_python(wheel.requires_python) if fits else frozenset()

    def outcomes(self, marker: str, extras: frozenset[str]) -> tuple[bool, ...]:
        """As `requirement.parse.outcomes`."""
        key = (marker, extras)
        if key not in self._outcomes:
            self._outcomes[key] = outcomes(marker, self.target, extras)
        return self._outcomes[key]


_LINE = re.compile(r"(?:<=?|>(?!=)|!=)\s*([0-9.]+)")


def _draws_a_line(specifier: str, version: Version) -> bool:
    """Whether it separates a version from its local ones, which uv and `packaging` may do in two ways."""
    return any(
        parse_version(one) == parse_version(version.public) for one in _LINE.findall(specifier)
    )


_LOWER, _ALL = "lower", "all"


def _judgements(requires_python: str, target: Target) -> frozenset[str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    found = {_LOWER} if admits_python(requires_python, target) else set()
    try:
        if SpecifierSet(requires_python).contains(target.newest_python, prereleases=True):
            found.add(_ALL)
    except InvalidSpecifier:
        found.add(requires_python)
    return frozenset(found)
