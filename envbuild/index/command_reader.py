"""Read which commands chosen wheels install, with as little download as their index allows."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, cast

from envbuild.declaration.declaration import DEFAULT_INDEX
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.page import IndexFile
from envbuild.index.remote_file import RangesUnsupportedError, RemoteFile
from envbuild.index.wheel_commands import find_commands
from envbuild.index.wheel_folder import open_in_folder
from envbuild.posix.workers import Workers
from envbuild.value import replace, value

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.index.web import Reply
    from envbuild.resolution.resolution import ResolvedFile


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
            if location.folder is not None:
                with open_in_folder(location, file.package, file.file) as stream:
                    return find_commands(stream)
            return self._read_remote(location, file)
        except ValueError as error:
            answer = IndexAnswer(
                fault=Fault.GARBAGE,
                location=location,
                package=file.package,
                file=file.file,
                reason=str(error),
            )
            raise IndexAnswerError(answer) from error

    def _read_remote(self, location: IndexLocation, file: ResolvedFile) -> tuple[str, ...]:
        listed = self._place(location, file)

        def ask(span: str) -> AbstractContextManager[Reply]:
            return self.client.open_file(location, file.package, listed, span=span)

        try:
            with RemoteFile(ask) as wheel:
                return find_commands(cast("IO[bytes]", wheel))
        except RangesUnsupportedError:
            with tempfile.TemporaryFile() as stream:
                self.client.download(location, file.package, listed, stream)
                return find_commands(stream)

    def _place(self, location: IndexLocation, file: ResolvedFile) -> IndexFile:
        """Where the wheel lies: where a resolution saw it, if that was no router's address, else by its page."""
        if file.url and location.name == DEFAULT_INDEX:
            return IndexFile(filename=file.file, url=file.url, sha256=file.sha256)
        listed = self.client.project_page(location, file.package).file(file.file)
        if listed is None:
            raise IndexAnswerError(
                IndexAnswer(
                    fault=Fault.NOT_FOUND, location=location, package=file.package, file=file.file
                )
            )
        return replace(listed, sha256=file.sha256)
