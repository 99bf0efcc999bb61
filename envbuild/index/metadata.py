"""Read the METADATA of chosen files, with as little download as their index allows."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from envbuild.declaration.declaration import DEFAULT_INDEX
from envbuild.errors import HostError, IndexFailureError
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.page import IndexFile
from envbuild.index.remote_file import metadata_in_ranges
from envbuild.posix.workers import Workers
from envbuild.resolution.resolution import ResolvedFile
from envbuild.value import replace, value
from envbuild.wheelcache.metadata import (
    MisnamedError,
    WheelMetadata,
    find_metadata,
    parse_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.metadata_cache import MetadataCache
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import KnownPackage, LockedChoice
    from envbuild.uv.sdist import SdistBuilder

    _Way: TypeAlias = Callable[[IndexLocation, ResolvedFile, IndexFile], "_Found | None"]

_SMALL = 4 << 20
"""Bytes of a wheel that is downloaded only for its METADATA."""


@value
class _Found:
    """METADATA, and whether it certainly belongs to the file's sha256."""

    metadata: WheelMetadata
    vouched: bool
    """Whether it was read from bytes with that sha256, or the index gave its hash."""


@value
class MetadataReader:
    """Reads METADATA of files that a resolution chose."""

    locations: IndexLocations
    client: IndexClient
    cache: MetadataCache
    builder: SdistBuilder
    """For source distributions, which only a declaration's `allow-sdist` lets into a resolution."""

    def read_all(self, files: Iterable[ResolvedFile], *, jobs: int = 8) -> dict[str, WheelMetadata]:
        """sha256 → METADATA of each file, read in parallel.

        IndexFailureError with every problem; HostError if a build failed.
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

    def extras(self, choices: Iterable[LockedChoice]) -> dict[str, frozenset[str]]:
        """sha256 → the file's normalised extras; files that cannot be read are left out."""
        from packaging.utils import canonicalize_name

        found: dict[str, frozenset[str]] = {}
        for choice in choices:
            file = ResolvedFile(
                package=choice.package,
                version=choice.version,
                file=choice.file,
                url="",
                sha256=choice.sha256,
                indexes=((choice.index, (choice.package,)),),
            )
            with suppress(IndexFailureError, HostError):
                provided = self.read(file).provides_extras
                found[choice.sha256] = frozenset(map(canonicalize_name, provided))
        return found

    def still_listed(self, packages: tuple[KnownPackage, ...], *, jobs: int = 4) -> frozenset[str]:
        """The names of the packages whose file the index lists with that sha256; none for a folder."""
        with Workers(jobs, thread_name_prefix="pages") as pool:
            listed = tuple(pool.map(self._is_listed, packages))
        return frozenset(
            package.name for package, found in zip(packages, listed, strict=True) if found
        )

    def _is_listed(self, package: KnownPackage) -> bool:
        location = self.locations.holding(package.index, package.name)
        try:
            return self.client.lists(location, package.name, package.file, package.sha256)
        except IndexFailureError:
            return False

    def read(self, file: ResolvedFile) -> WheelMetadata:
        """METADATA of one file; IndexAnswerError, or HostError if a build failed."""
        known = self.cache.get(file.sha256)
        if known is None:
            location = self.locations.holding(file.index, file.package)
            is_wheel = file.file.endswith(".whl")
            found = (self._read_wheel if is_wheel else self._read_sdist)(location, file)
            known = found.metadata
            self.cache.put(file.sha256, known, vouched=found.vouched)
        return known

    def read_if_cheap(self, file: ResolvedFile) -> WheelMetadata | None:
        """METADATA of any wheel; None if it needs a long download.

        Errors as in `read`.
        """
        location = self.locations.holding(file.index, file.package)
        if self.cache.get(file.sha256) is not None:
            return self.read(file)
        listed = self._listed(location, file)
        if is_on_disk(location, listed):
            return self.read(file)
        found = self._in_parts(location, file, listed)
        if found is not None:
            self.cache.put(file.sha256, found.metadata, vouched=found.vouched)
        elif listed.size is None or listed.size > _SMALL:
            return None
        return self.read(file)

    def _read_wheel(self, location: IndexLocation, file: ResolvedFile) -> _Found:
        """A wheel's METADATA; a METADATA file beside it counts if the page has its hash.

        Without a hash the wheel itself is read, unless it must be downloaded as a whole.
        """
        found = self._at_known_address(location, file)
        if found is not None:
            return found
        listed = self._listed(location, file)
        if is_on_disk(location, listed):
            with open_on_disk(location, file.package, listed) as stream:
                size = os.fstat(stream.fileno()).st_size
                return _Found(metadata=_parse(location, file, stream, size), vouched=False)
        return self._in_parts(location, file, listed) or self._in_whole(location, file, listed)

    def _in_parts(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> _Found | None:
        """METADATA without the whole wheel; None if that is not possible."""
        for read in self._ways(location, file, listed):
            if (found := read(location, file, listed)) is not None:
                return found
        return None

    def _ways(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> tuple[_Way, ...]:
        """The ways to get METADATA without the whole wheel, the most reliable first."""
        if listed.metadata_sha256 is not None:
            return (self._beside, self._in_ranges)
        ranges = () if self._has_known_address(location, file) else (self._in_ranges,)
        return (*ranges, self._beside) if listed.has_metadata else ranges

    def _has_known_address(self, location: IndexLocation, file: ResolvedFile) -> bool:
        """Whether a resolution saw the index's own addresses, and not those of a router."""
        return location.name == DEFAULT_INDEX and location.is_plain and bool(file.url)

    def _at_known_address(self, location: IndexLocation, file: ResolvedFile) -> _Found | None:
        """METADATA in one or two requests, without the page; None if the page is needed."""
        if not self._has_known_address(location, file):
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
        page = self.client.project_page(location, file.package)
        listed = page.file(file.file)
        if listed is None:
            raise _bad(Fault.NOT_FOUND, location, file)
        if len(digests := page.digests(file.file)) > 1:
            raise two_contents(location, file.package, file.file, digests)
        return replace(listed, sha256=file.sha256)

    def _beside(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> _Found | None:
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
        if size is None:
            return None
        vouched = listed.metadata_sha256 is not None
        return _Found(metadata=_value(location, file, content, size), vouched=vouched)

    def _in_ranges(
        self, location: IndexLocation, file: ResolvedFile, listed: IndexFile
    ) -> _Found | None:
        """METADATA from the wheel's last bytes; None if the server only gives whole files.

        A small wheel that came whole must have its sha256.
        """
        inner = metadata_in_ranges(self.client, location, file.package, listed)
        if inner is None:
            return None
        metadata = _value(location, file, inner.content, inner.size)
        return _Found(metadata=metadata, vouched=inner.whole)

    def _in_whole(self, location: IndexLocation, file: ResolvedFile, listed: IndexFile) -> _Found:
        with tempfile.TemporaryFile() as stream:
            _, size = self.client.download(location, file.package, listed, stream)
            return _Found(metadata=_parse(location, file, stream, size), vouched=True)

    def _read_sdist(self, location: IndexLocation, file: ResolvedFile) -> _Found:
        """METADATA of the wheel that is built from a source distribution."""
        with tempfile.TemporaryDirectory(prefix="envbuild-sdist-") as folder:
            archive = Path(folder, file.file)
            listed = self._listed(location, file)
            with archive.open("wb") as sink:
                _, size = self.client.download(location, file.package, listed, sink)
            with self.builder.build(archive, Path(folder)).open("rb") as wheel:
                metadata = _parse(location, file, wheel, size, built=True)
                return _Found(metadata=metadata, vouched=True)


def two_contents(
    location: IndexLocation, package: str, file: str, digests: Iterable[str | None]
) -> IndexAnswerError:
    """The error for a page that lists one file name with several sha256."""
    shown = (f"sha256 {digest[:12]}…" if digest else "no sha256" for digest in digests)
    answer = IndexAnswer(
        fault=Fault.TWO_CONTENTS,
        location=location,
        package=package,
        file=file,
        reason=f"with {' and '.join(shown)}",
    )
    return IndexAnswerError(answer)


def _parse(
    location: IndexLocation,
    file: ResolvedFile,
    wheel: IO[bytes],
    size: int,
    *,
    built: bool = False,
) -> WheelMetadata:
    try:
        content = find_metadata(wheel, file.package)
    except ValueError as error:
        raise _bad(Fault.GARBAGE, location, file, str(error)) from error
    return _value(location, file, content, size, built=built)


def _value(
    location: IndexLocation, file: ResolvedFile, content: bytes, size: int, *, built: bool = False
) -> WheelMetadata:
    try:
        return parse_metadata(content, file.package, size, file.version, built=built)
    except MisnamedError as error:
        raise _bad(Fault.MISNAMED, location, file, str(error)) from error
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
