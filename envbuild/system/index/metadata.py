"""Read what chosen files say about their packages, with as little download as their index allows."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import FIRST_EXCEPTION, wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from envbuild.declaration import DEFAULT_INDEX
from envbuild.errors import IndexFailureError
from envbuild.system.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.system.index.page import IndexFile
from envbuild.system.index.remote_file import RangesUnsupportedError, RemoteFile
from envbuild.system.index.wheel_folder import open_in_folder
from envbuild.system.index.wheel_metadata import WheelMetadata, find_metadata, parse_metadata
from envbuild.system.workers import Workers
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from envbuild.resolution import KnownPackage, ResolvedFile
    from envbuild.system.index.locations import IndexLocation, IndexLocations
    from envbuild.system.index.metadata_cache import MetadataCache
    from envbuild.system.index.reader import IndexClient
    from envbuild.system.index.web import Reply
    from envbuild.system.uv.sdist import SdistBuilder


@value
class MetadataReader:
    """Reads METADATA of files that a resolution chose."""

    locations: IndexLocations
    client: IndexClient
    cache: MetadataCache
    builder: SdistBuilder
    """For source distributions, which only a declaration's `allow-sdist` lets into a resolution."""

    def read_all(self, files: Iterable[ResolvedFile], *, jobs: int = 8) -> dict[str, WheelMetadata]:
        """sha256 → METADATA of each file, read side by side.

        IndexFailureError with every problem that was met; HostError where a build failed.
        """
        wanted = {file.sha256: file for file in files}
        with Workers(jobs, thread_name_prefix="metadata") as pool:
            reading = {sha256: pool.submit(self.read, file) for sha256, file in wanted.items()}
            # an index that fails once will fail on: what has not begun need not begin
            for future in wait(reading.values(), return_when=FIRST_EXCEPTION).not_done:
                future.cancel()
        ended = [future for future in reading.values() if not future.cancelled()]
        errors = [error for future in ended if (error := future.exception()) is not None]
        if errors:
            raise _together(errors)
        return {sha256: future.result() for sha256, future in reading.items()}

    def still_listed(self, packages: tuple[KnownPackage, ...], *, jobs: int = 4) -> frozenset[str]:
        """The names of those whose file their index lists, with that sha256; of a folder none."""
        with Workers(jobs, thread_name_prefix="pages") as pool:
            listed = tuple(pool.map(self._is_listed, packages))
        return frozenset(
            package.name for package, found in zip(packages, listed, strict=True) if found
        )

    def _is_listed(self, package: KnownPackage) -> bool:
        location = self.locations.of(package.name)
        try:
            return self.client.lists(location, package.name, package.file, package.sha256)
        except IndexFailureError:
            return False

    def read(self, file: ResolvedFile) -> WheelMetadata:
        """METADATA of one file; IndexAnswerError, or HostError where a build failed."""
        known = self.cache.get(file.sha256)
        if known is None:
            location = self.locations.of(file.package)
            is_wheel = file.file.endswith(".whl")
            known = (self._read_wheel if is_wheel else self._read_sdist)(location, file)
            self.cache.put(file.sha256, known)
        return known

    def _read_wheel(self, location: IndexLocation, file: ResolvedFile) -> WheelMetadata:
        if location.folder is not None:
            with open_in_folder(location, file.package, file.file) as stream:
                return _parse(location, file, stream, os.fstat(stream.fileno()).st_size)
        found = self._at_known_address(location, file)
        if found is not None:
            return found
        listed = self._listed(location, file)
        found = self._beside(location, file, listed) if listed.has_metadata else None
        if found is None and not self._has_known_address(location):
            found = self._in_ranges(location, file, listed)
        return found or self._in_whole(location, file, listed)

    def _has_known_address(self, location: IndexLocation) -> bool:
        """Whether a resolution saw the index's own addresses, and not those of a router before it."""
        return location.name == DEFAULT_INDEX

    def _at_known_address(
        self, location: IndexLocation, file: ResolvedFile
    ) -> WheelMetadata | None:
        """METADATA in one or two requests, without the page; None where the page has to be asked."""
        if not self._has_known_address(location):
            return None
        known = IndexFile(filename=file.file, url=file.url, sha256=file.sha256)
        try:
            return self._in_ranges(location, file, known)
        except IndexAnswerError as error:
            if error.answer.fault is Fault.UNREACHABLE:
                return None
            raise

    def _listed(self, location: IndexLocation, file: ResolvedFile) -> IndexFile:
        """The file as its index's page lists it."""
        listed = self.client.project_page(location, file.package).file(file.file)
        if listed is None:
            raise _bad(Fault.NOT_FOUND, location, file)
        return replace(listed, sha256=file.sha256)

    def _beside(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> WheelMetadata | None:
        """METADATA as the index serves it (PEP 658); None where it does not, or tells no size."""
        try:
            content = self.client.metadata_beside(location, file.package, listed)
        except IndexAnswerError as error:
            if error.answer.fault is Fault.NOT_FOUND:
                return None
            raise
        size = listed.size
        if size is None:
            size = self.client.file_size(location, file.package, listed)
        return None if size is None else _value(location, file, content, size)

    def _in_ranges(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> WheelMetadata | None:
        """METADATA out of the wheel's last bytes; None where the server gives whole files only."""

        def ask(span: str) -> AbstractContextManager[Reply]:
            return self.client.open_file(location, file.package, listed, span=span)

        try:
            with RemoteFile(ask) as wheel:
                return _parse(location, file, cast("IO[bytes]", wheel), wheel.size)
        except RangesUnsupportedError:
            return None

    def _in_whole(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> WheelMetadata:
        with tempfile.TemporaryFile() as stream:
            _, size = self.client.download(location, file.package, listed, stream)
            return _parse(location, file, stream, size)

    def _read_sdist(self, location: IndexLocation, file: ResolvedFile) -> WheelMetadata:
        """METADATA of what a source distribution is built into."""
        with tempfile.TemporaryDirectory(prefix="envbuild-sdist-") as folder:
            archive = Path(folder, file.file)
            if location.folder is None:
                listed = self._listed(location, file)
            else:
                listed = IndexFile(filename=file.file, url="", sha256=file.sha256)
            with archive.open("wb") as sink:
                _, size = self.client.download(location, file.package, listed, sink)
            with self.builder.build(archive, Path(folder)).open("rb") as wheel:
                return _parse(location, file, wheel, size)


def _parse(
    location: IndexLocation, file: ResolvedFile, wheel: IO[bytes], size: int
) -> WheelMetadata:
    try:
        content = find_metadata(wheel, file.package)
    except ValueError as error:
        raise _bad(Fault.GARBAGE, location, file, str(error)) from error
    return _value(location, file, content, size)


def _value(location: IndexLocation, file: ResolvedFile, content: bytes, size: int) -> WheelMetadata:
    try:
        return parse_metadata(content, file.package, size)
    except ValueError as error:
        raise _bad(Fault.GARBAGE, location, file, str(error)) from error


def _bad(
    fault: Fault, location: IndexLocation, file: ResolvedFile, reason: str | None = None
) -> IndexAnswerError:
    return IndexAnswerError(
        IndexAnswer(
            fault=fault, location=location, package=file.package, file=file.file, reason=reason
        )
    )


def _together(errors: list[BaseException]) -> BaseException:
    """One exception with every index's problem, each said once; anything else goes first."""
    for error in errors:
        if not isinstance(error, IndexFailureError):
            return error
    problems = [
        p for error in errors if isinstance(error, IndexFailureError) for p in error.problems
    ]
    return IndexFailureError(dict.fromkeys(problems))
