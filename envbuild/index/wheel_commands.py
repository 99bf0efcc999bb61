"""The commands that a wheel installs, read from its own entry points and scripts; nothing of it is run."""

from __future__ import annotations

import configparser
import tempfile
import zipfile
from typing import IO, TYPE_CHECKING, cast

from envbuild.declaration.declaration import DEFAULT_INDEX
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.page import IndexFile
from envbuild.index.remote_file import RangesUnsupportedError, RemoteFile
from envbuild.posix.workers import Workers
from envbuild.value import replace, value
from envbuild.wheelcache.metadata import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.index.web import Reply
    from envbuild.resolution.resolution import ResolvedFile


_LARGEST = 1 << 20
"""Bytes of entry points that are read at most."""

_GROUPS = ("console_scripts", "gui_scripts")
_SCRIPTS = ("/scripts/", "/data/bin/")
"""The folders of a wheel's `.data` whose files end up in an environment's `bin/`."""


def find_commands(wheel: IO[bytes]) -> tuple[str, ...]:
    """The names that a wheel puts into `bin/`, in order; ValueError where it is no readable wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return tuple(sorted(set(_commands(archive))))
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
    """The command that a file of `.data` is; none where it goes elsewhere."""
    for folder in _SCRIPTS:
        command = path.removeprefix(folder)
        if command != path and command and "/" not in command:
            yield command


def _entry_points(text: str) -> Iterator[str]:
    """The scripts of an `entry_points.txt`; none where it cannot be read, which an installer will say."""
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
    """Looks into wheels."""

    locations: IndexLocations
    client: IndexClient

    def read_all(
        self, files: tuple[ResolvedFile, ...], *, jobs: int = 16
    ) -> dict[str, tuple[str, ...]]:
        """sha256 → the commands of each wheel, in order; IndexFailureError where an index does not give it."""
        with Workers(jobs, thread_name_prefix="commands") as pool:
            found = tuple(pool.map(self._read, files))
        return {file.sha256: commands for file, commands in zip(files, found, strict=True)}

    def _read(self, file: ResolvedFile) -> tuple[str, ...]:
        location = self.locations.of(file.package)
        try:
            listed = self._place(location, file)
            if is_on_disk(location, listed):
                with open_on_disk(location, file.package, listed) as stream:
                    return find_commands(stream)
            return self._read_remote(location, file.package, listed)
        except ValueError as error:
            answer = IndexAnswer(
                fault=Fault.GARBAGE,
                location=location,
                package=file.package,
                file=file.file,
                reason=str(error),
            )
            raise IndexAnswerError(answer) from error

    def _read_remote(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> tuple[str, ...]:
        def ask(span: str) -> AbstractContextManager[Reply]:
            return self.client.open_file(location, package, listed, span=span)

        try:
            with RemoteFile(ask) as wheel:
                return find_commands(cast("IO[bytes]", wheel))
        except RangesUnsupportedError:
            with tempfile.TemporaryFile() as stream:
                self.client.download(location, package, listed, stream)
                return find_commands(stream)

    def _place(self, location: IndexLocation, file: ResolvedFile) -> IndexFile:
        """Where the wheel lies: where a resolution saw it, if that was no router's address, else by its page."""
        if file.url and location.name == DEFAULT_INDEX and location.is_plain:
            return IndexFile(filename=file.file, url=file.url, sha256=file.sha256)
        listed = self.client.project_page(location, file.package).file(file.file)
        if listed is None:
            raise IndexAnswerError(
                IndexAnswer(
                    fault=Fault.NOT_FOUND, location=location, package=file.package, file=file.file
                )
            )
        return replace(listed, sha256=file.sha256)
