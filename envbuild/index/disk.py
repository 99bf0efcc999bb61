"""An index on this host's disk: folders of wheels, trees of pages (PEP 503), pages of links."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import is_normalized_name

from envbuild.declaration.index import FLAT, SIMPLE
from envbuild.index.answer import Fault, bad_answer
from envbuild.index.page import IndexFile
from envbuild.posix.input_file import RefusedInputError, read_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from envbuild.index.locations import IndexLocation

_ENDINGS = (".whl", ".tar.gz", ".zip")
_MOST_ENTRIES = 200_000
"""The most files and folders below one folder."""

_DEEPEST = 20
"""Folders within one another."""


def page_on_disk(location: IndexLocation, package: str) -> Path | None:
    """A tree's page of a package; None if the index is flat, or if it may be flat and has no such page."""
    assert location.folder is not None
    if location.format == FLAT or not is_normalized_name(package):
        return None
    page = location.folder / package / "index.html"
    return page if location.format == SIMPLE or page.is_file() else None


def read_page(location: IndexLocation, package: str, page: Path, limit: int) -> str:
    """A page's text, of at most `limit` bytes; IndexAnswerError if it is missing or cannot be read."""
    try:
        return read_input(page, most=limit).decode(errors="replace")
    except FileNotFoundError as error:
        raise bad_answer(Fault.NOT_FOUND, location, package) from error
    except RefusedInputError as error:
        raise bad_answer(Fault.UNREACHABLE, location, package, None, error.message) from error
    except OSError as error:
        raise bad_answer(Fault.UNREACHABLE, location, package, None, _words(error)) from error


def files_in_folder(
    location: IndexLocation, package: str, *, most: int = _MOST_ENTRIES
) -> Iterator[IndexFile]:
    """Every wheel and source archive in the folder and in those below it, by name; no hash is computed.

    Links to folders are not followed. IndexAnswerError if it cannot be listed, or has too many entries;
    `package` is the one that the files are for, `most` limits the files and folders that are read.
    """
    assert location.folder is not None
    try:
        paths = sorted(_below(location.folder, most), key=lambda path: (path.name, path))
        yield from (_listed(path) for path in paths if path.is_file())
    except OverflowError as error:
        raise bad_answer(Fault.UNREACHABLE, location, package, None, str(error)) from error
    except OSError as error:
        raise bad_answer(Fault.UNREACHABLE, location, package, None, _words(error)) from error


def is_on_disk(location: IndexLocation, file: IndexFile) -> bool:
    """Whether a file is on this host: only an index on its disk may have such files."""
    return location.folder is not None and file.url.startswith("file:")


def path_on_disk(file: IndexFile) -> str:
    """The path of a file that is on disk."""
    return unquote(urlsplit(file.url).path)


def open_on_disk(location: IndexLocation, package: str, file: IndexFile) -> BufferedReader:
    """Open a file of this host; IndexAnswerError if it cannot be opened, or is not an ordinary file."""
    if urlsplit(file.url).netloc not in ("", "localhost"):
        raise bad_answer(
            Fault.UNREACHABLE, location, package, file.filename, "it is on another host"
        )
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path_on_disk(file), flags)
    except FileNotFoundError as error:
        raise bad_answer(Fault.NOT_FOUND, location, package, file.filename) from error
    except (OSError, ValueError) as error:
        raise bad_answer(
            Fault.UNREACHABLE, location, package, file.filename, _words(error)
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise bad_answer(
            Fault.UNREACHABLE, location, package, file.filename, "it is not an ordinary file"
        )
    return os.fdopen(descriptor, "rb")


def _below(folder: Path, most: int) -> Iterator[Path]:
    """Every file with a package's ending; OverflowError if there are too many files or folders."""
    waiting, seen = [(folder, 0)], 0
    while waiting:
        place, depth = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                seen += 1
                if seen > most or depth > _DEEPEST:
                    raise OverflowError(
                        f"it holds more than {most} files, or folders {_DEEPEST} deep"
                    )
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), depth + 1))
                elif entry.name.endswith(_ENDINGS):
                    yield Path(entry.path)


def _listed(path: Path) -> IndexFile:
    return IndexFile(
        filename=path.name,
        url=path.as_uri(),
        size=path.stat().st_size,
        has_metadata=path.name.endswith(".whl"),
    )


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it cannot be read").lower()
