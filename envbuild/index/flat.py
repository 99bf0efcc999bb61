"""Flat indexes: one page of links, or one folder, that has the files of many packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.index.answer import Fault, IndexAnswerError, bad_answer
from envbuild.index.once import Once
from envbuild.requirement.parse import normalized_name
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile, ProjectPage

_SDISTS = (".tar.gz", ".zip")


class FlatListings:
    """The lists of flat indexes, each read once; threads can share it.

    A failed index stays failed for the lifetime of this object.
    """

    def __init__(self) -> None:
        self._listed: Once[Mapping[str, ProjectPage]] = Once()

    def page(
        self, location: IndexLocation, package: str, read: Callable[[], Iterable[IndexFile]]
    ) -> ProjectPage:
        """The files of one package; IndexAnswerError as in `read`, or if there are none."""
        try:
            listed = self._listed.get(location, lambda: pages_of(read()))
        except IndexAnswerError as error:  # of the package that was asked for first
            raise IndexAnswerError(replace(error.answer, package=package)) from error
        found = listed.get(package)
        if found is None:
            raise bad_answer(Fault.NOT_FOUND, location, package)
        return found


def pages_of(files: Iterable[IndexFile]) -> dict[str, ProjectPage]:
    """The files of each package by its normalised name, in order; other files are left out."""
    from envbuild.index.page_parser import page_of

    found: dict[str, list[IndexFile]] = {}
    for file in files:
        if (package := package_of(file.filename)) is not None:
            found.setdefault(package, []).append(file)
    return {name: page_of(name, listed) for name, listed in found.items()}


def package_of(filename: str) -> str | None:
    """The normalised name of a file's package, from the file name."""
    if filename.endswith(".whl"):
        return normalized_name(filename.partition("-")[0]) or None
    for ending in _SDISTS:
        if filename.endswith(ending):
            return normalized_name(filename.removesuffix(ending).rpartition("-")[0]) or None
    return None
