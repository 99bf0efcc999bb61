"""Where the declared indexes have each locked file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.source import origin_words
from envbuild.errors import IndexFailureError, NoError, Problem, UsageError
from envbuild.index.disk import is_on_disk, path_on_disk
from envbuild.launchers.fleet import FileSource
from envbuild.posix.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.index.locations import IndexLocations
    from envbuild.index.page import ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile


_SIDE_BY_SIDE = 8


def find_places(
    lockfile: Lockfile,
    locations: IndexLocations,
    client: IndexClient,
    built: Callable[[LockedFile], Path | None],
) -> Mapping[str, FileSource]:
    """Each package's files by name; IndexFailureError names every file that is not there as locked.

    `built` finds a wheel that was built from a source; NoError if it is not on this host.
    """
    _refuse_trees(lockfile)
    wheels = _built_places(lockfile, built)
    packages = {package.name: package for package in lockfile.packages if not package.is_built}
    places = [locations.named(package.index) for package in packages.values()]
    asked = side_by_side(client.project_page, places, tuple(packages), most=_SIDE_BY_SIDE)
    pages = dict(zip(packages, asked, strict=True))
    problems = [_problem(package, pages[package.name]) for package in packages.values()]
    missing = [problem for problem in problems if problem is not None]
    if missing:
        raise IndexFailureError(missing)
    found = {
        package.name: FileSource(index=None, files=wheels)
        for package in lockfile.packages
        if package.is_built
    }
    for name, package in packages.items():
        location = locations.named(package.index)
        found[name] = FileSource(
            index=None if location.is_flat or location.files else location.url,
            files={
                file.filename: path_on_disk(file) if is_on_disk(location, file) else file.url
                for file in pages[name].files
            }
            | wheels,
        )
    return found


def _built_places(lockfile: Lockfile, built: Callable[[LockedFile], Path | None]) -> dict[str, str]:
    """Each built wheel's path by its name."""
    places = {
        file.name: built(file)
        for package in lockfile.packages
        for file in package.files
        if package.is_built_wheel(file)
    }
    missing = [name for name, place in places.items() if place is None]
    if missing:
        raise NoError(
            Problem(
                message=f"{lockfile.driver}: the built wheel {name} is not in this store",
                hint=f"run `envbuild build {lockfile.driver}` here, or export on a host that built it",
            )
            for name in missing
        )
    return {name: str(place) for name, place in places.items()}


def _refuse_trees(lockfile: Lockfile) -> None:
    """UsageError names the packages whose source is a folder or a commit, which no address has as a file."""
    trees = sorted(
        {
            package.name
            for package in lockfile.packages
            if any(file.name.endswith(".tree") for file in package.files)
        }
    )
    if trees:
        message = f"{lockfile.driver}: {', '.join(trees)} is built from a folder or a commit, which has no address"
        hint = "export another format, or put the built wheel where an index or a URL has it"
        raise UsageError(Problem(message=message, hint=hint))


def _problem(package: LockedPackage, page: ProjectPage) -> Problem | None:
    origin = origin_words(package.index, package.name)
    for file in (one for one in package.files if not package.is_built_wheel(one)):
        digests = page.digests(file.name)
        if not digests:
            message = f"{origin} no longer has {file.name}"
            return Problem(message=message, hint="run `envbuild lock`")
        if len(digests) > 1:
            message = f"{origin} lists two different files as {file.name}"
            return Problem(message=message, hint="ask its operator which one is the right one")
        if digests[0] not in (None, file.sha256):
            message = f"{origin} has a file {file.name} that differs from the locked one"
            return Problem(message=message, hint="find out who changed it before you lock it again")
    return None
