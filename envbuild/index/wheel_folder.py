"""A folder of wheels as an index: what it lists, and what its files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.page import IndexFile, ProjectPage

if TYPE_CHECKING:
    from io import BufferedReader

    from envbuild.index.locations import IndexLocation

_SDISTS = (".tar.gz", ".zip")


def folder_page(location: IndexLocation, package: str) -> ProjectPage:
    """What the folder holds of a package, in the order of file names; no hash is computed.

    IndexAnswerError where the folder cannot be listed or holds nothing of the package.
    """
    folder = folder_of(location)
    try:
        paths = sorted(path for path in folder.iterdir() if _package_of(path.name) == package)
        files = tuple(_listed(path) for path in paths if path.is_file())
    except OSError as error:
        raise _unreadable(location, package, None, error) from error
    if not files:
        fault = IndexAnswer(fault=Fault.NOT_FOUND, location=location, package=package)
        raise IndexAnswerError(fault)
    return ProjectPage(name=package, files=files)


def open_in_folder(location: IndexLocation, package: str, filename: str) -> BufferedReader:
    """A file that the folder's page lists, open; IndexAnswerError where it cannot be opened."""
    try:
        return (folder_of(location) / Path(filename).name).open("rb")
    except FileNotFoundError as error:
        answer = IndexAnswer(
            fault=Fault.NOT_FOUND, location=location, package=package, file=filename
        )
        raise IndexAnswerError(answer) from error
    except OSError as error:
        raise _unreadable(location, package, filename, error) from error


def folder_of(location: IndexLocation) -> Path:
    """The folder that the index is; only for indexes that are one."""
    assert location.folder is not None
    return location.folder


def _listed(path: Path) -> IndexFile:
    is_wheel = path.name.endswith(".whl")
    return IndexFile(
        filename=path.name,
        url=path.as_uri(),
        size=path.stat().st_size,
        has_metadata=is_wheel,
    )


def _package_of(filename: str) -> str | None:
    """The normalised name of the package that a file is of, as far as its name says."""
    from packaging.utils import canonicalize_name

    if filename.endswith(".whl"):
        return canonicalize_name(filename.partition("-")[0])
    for ending in _SDISTS:
        if filename.endswith(ending):
            return canonicalize_name(filename.removesuffix(ending).rpartition("-")[0])
    return None


def _unreadable(
    location: IndexLocation, package: str, file: str | None, error: OSError
) -> IndexAnswerError:
    reason = (error.strerror or "it cannot be read").lower()
    return IndexAnswerError(
        IndexAnswer(
            fault=Fault.UNREACHABLE, location=location, package=package, file=file, reason=reason
        )
    )
