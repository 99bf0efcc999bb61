"""The commands that a wheel installs and the modules it has, read from the wheel itself; nothing of it is run."""

from __future__ import annotations

import configparser
import re
import tempfile
import zipfile
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar, cast

from envbuild.index.answer import garbage
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.remote_file import RangesUnsupportedError, RemoteFile
from envbuild.posix.workers import side_by_side
from envbuild.value import replace, value
from envbuild.wheelcache.metadata import UNREADABLE
from envbuild.wheelcache.modules import runnable_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.index.reply import Reply
    from envbuild.resolution.resolution import ResolvedFile


T = TypeVar("T")

_LARGEST = 1 << 20
"""The most bytes of entry points."""

_SIDE_BY_SIDE = 16

_GROUPS = ("console_scripts", "gui_scripts")
_SITE_PACKAGES = re.compile(r"^[^/]+\.data/(purelib|platlib)/")
"""The folders of a wheel's `.data` whose files end up in site-packages."""

_SCRIPTS = ("/scripts/", "/data/bin/")
"""The folders in a wheel's `.data` whose files are installed into `bin/`."""


def find_commands(wheel: IO[bytes]) -> tuple[str, ...]:
    """The names that a wheel installs into `bin/`, in order; ValueError if it is not a readable wheel."""
    with _opened(wheel) as archive:
        return tuple(sorted(set(_commands(archive))))


def has_module(wheel: IO[bytes], module: str) -> bool:
    """Whether a wheel has a module that `python -m` can run; ValueError if it is not a readable wheel."""
    wanted = runnable_paths(module)
    with _opened(wheel) as archive:
        return any(_SITE_PACKAGES.sub("", name) in wanted for name in archive.namelist())


@contextmanager
def _opened(wheel: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except UNREADABLE as error:
        raise ValueError("it is not a readable zip archive") from error


def _commands(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        top, slash, rest = name.partition("/")
        if top.endswith(".data"):
            yield from _script(f"{slash}{rest}")
        elif top.endswith(".dist-info") and rest == "entry_points.txt":
            with archive.open(name) as stream:
                yield from _entry_points(stream.read(_LARGEST).decode(errors="replace"))


def _script(path: str) -> Iterator[str]:
    """The command of a file in `.data`; none if it is installed elsewhere."""
    for folder in _SCRIPTS:
        command = path.removeprefix(folder)
        if command != path and command and "/" not in command:
            yield command


def _entry_points(text: str) -> Iterator[str]:
    """The scripts in an `entry_points.txt`; none if it cannot be read, which an installer will report."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for group in _GROUPS:
        if parser.has_section(group):
            yield from (name.strip() for name in parser.options(group))


@value
class CommandReader:
    """Reads wheels; IndexFailureError if an index does not serve one."""

    locations: IndexLocations
    client: IndexClient

    def commands(self, files: tuple[ResolvedFile, ...]) -> dict[str, tuple[str, ...]]:
        """sha256 → the commands of each wheel, in order."""
        return self._read_all(files, find_commands)

    def having(self, files: tuple[ResolvedFile, ...], module: str) -> frozenset[str]:
        """The sha256 of each wheel that has a module to run."""
        found = self._read_all(files, partial(has_module, module=module))
        return frozenset(sha256 for sha256, there in found.items() if there)

    def _read_all(
        self, files: tuple[ResolvedFile, ...], look: Callable[[IO[bytes]], T]
    ) -> dict[str, T]:
        found = side_by_side(partial(self._read, look), files, most=_SIDE_BY_SIDE)
        return {file.sha256: seen for file, seen in zip(files, found, strict=True)}

    def _read(self, look: Callable[[IO[bytes]], T], file: ResolvedFile) -> T:
        location = self.locations.holding(file.index, file.package)
        listed = self._place(location, file)
        with garbage(location, file.package, file.file):
            if is_on_disk(location, listed):
                with open_on_disk(location, file.package, listed) as stream:
                    return look(stream)
            return self._read_remote(location, file.package, listed, look)

    def _read_remote(
        self,
        location: IndexLocation,
        package: str,
        listed: IndexFile,
        look: Callable[[IO[bytes]], T],
    ) -> T:
        def ask(span: str) -> AbstractContextManager[Reply]:
            return self.client.open_file(location, package, listed, span=span)

        try:
            with RemoteFile(ask) as wheel:
                return look(cast("IO[bytes]", wheel))
        except RangesUnsupportedError:
            with tempfile.TemporaryFile() as stream:
                self.client.download(location, package, listed, stream)
                return look(stream)

    def _place(self, location: IndexLocation, file: ResolvedFile) -> IndexFile:
        """The wheel's place from its page; a resolution saw a router's address."""
        listed = self.client.listed_file(location, file.package, file.file)
        return replace(listed, sha256=file.sha256)
