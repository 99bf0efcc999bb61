"""Stand-ins: wheels that are listed for versions that come as source, before anybody has built them.

A resolver takes one like any wheel, by its METADATA, so it builds nothing; the source is locked in its place.
Each is for one Python, because METADATA of a source may differ between them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.index.page_parser import page_of
from envbuild.index.page_versions import version_of
from envbuild.target.target import Target, parse_platform
from envbuild.target.wheel_choice import STAND_IN, best_wheel
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.version import Version

    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.resolution.resolution import ResolveRequest

_NAME = re.compile(rf"[^-]+-[^-]+-{STAND_IN}-cp(?P<major>\d)(?P<minor>\d+)-none-any\.whl")
TREE = ".tree"
_ENDINGS = (".tar.gz", ".zip", TREE)
_SOME_PLATFORM = parse_platform("x86_64-manylinux_2_28")
"""A wheel for every platform fits any of them."""


@value
class SourceRules:
    """What a driver takes from source."""

    allowed: tuple[str, ...] = ()
    """Normalised names of packages whose source is taken where no wheel fits."""

    forced: tuple[str, ...] = ()
    """Normalised names of packages whose wheels do not count."""

    exclude_newer: str | None = None
    exclude_newer_packages: tuple[tuple[str, str | None], ...] = ()
    resolver: str = "uv"
    trees: frozenset[str] = frozenset()
    """Normalised names of packages that come from folders and commits.

    The last four count for what a build backend requires.
    """


NO_SOURCES = SourceRules()


def rules_of(request: ResolveRequest) -> SourceRules:
    """The rules of a request."""
    if not request.may_be_built:
        return NO_SOURCES
    return SourceRules(
        allowed=request.allow_sdist,
        forced=request.force_sdist,
        exclude_newer=request.exclude_newer,
        exclude_newer_packages=request.exclude_newer_packages,
        resolver=request.resolver,
    )


def stand_in(package: str, version: str, python: str) -> str:
    """The name of a stand-in; `python` is a version such as `3.12`."""
    major, minor, *_ = python.split(".")
    name = f"{package.replace('-', '_')}-{version.replace('-', '_')}"
    return f"{name}-{STAND_IN}-cp{major}{minor}-none-any.whl"


def python_of(filename: str) -> str | None:
    """The Python that a stand-in is for; None for any other file."""
    found = _NAME.fullmatch(filename)
    return f"{found['major']}.{found['minor']}" if found is not None else None


def source_of(page: ProjectPage, version: Version | None) -> IndexFile | None:
    """The source distribution of a version, `.tar.gz` before `.zip`; None if it has none."""
    found = [file for file in page.files if version_of(page.name, file.filename) == version]
    return _first_source(found)


def _first_source(files: list[IndexFile]) -> IndexFile | None:
    sources = (file for end in _ENDINGS for file in files if file.filename.endswith(end))
    return next(sources, None)


def with_stand_ins(
    page: ProjectPage, rules: SourceRules, pythons: Iterable[str], *, declared: bool
) -> ProjectPage:
    """The page with a stand-in for each Python that no wheel of a version fits on all platforms.

    A `declared` source of a package may be built without `allow-sdist`.
    """
    forced = page.name in rules.forced
    if not (declared or forced or page.name in rules.allowed):
        return page
    files = [file for file in page.files if not (forced and file.is_wheel)]
    return page_of(page.name, (*files, *_stand_ins(page.name, files, tuple(pythons))))


def _stand_ins(
    package: str, files: list[IndexFile], pythons: tuple[str, ...]
) -> Iterator[IndexFile]:
    versions: dict[Version, list[IndexFile]] = {}
    for file in files:
        version = version_of(package, file.filename)
        if version is not None:
            versions.setdefault(version, []).append(file)
    for version, listed in versions.items():
        source = _first_source(listed)
        anywhere = [
            one.filename
            for one in listed
            if one.filename.endswith("-any.whl") and one.yanked is None
        ]
        for python in pythons:
            if source is not None and not best_wheel(
                anywhere, Target(python=python, platform=_SOME_PLATFORM)
            ):
                yield replace(
                    source,
                    filename=stand_in(package, str(version), python),
                    sha256=sha256_hex(f"{source.sha256} for {python}".encode()),
                    size=None,
                    has_metadata=True,
                )
