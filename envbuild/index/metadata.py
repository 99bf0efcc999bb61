"""Read the METADATA of chosen files, with as little download as their index allows."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.errors import HostError, IndexFailureError
from envbuild.index.answer import Fault, IndexAnswerError, bad_answer, own_metadata
from envbuild.index.disk import is_on_disk
from envbuild.posix.workers import Workers, side_by_side
from envbuild.resolution.resolution import ResolvedFile
from envbuild.value import replace, value
from envbuild.wheelcache.metadata import (
    WheelMetadata,
    parse_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.index.inner_metadata import InnerMetadataReader
    from envbuild.index.listed_sources import ListedSources
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.metadata_cache import MetadataCache
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.index.remote_file import InnerMetadata
    from envbuild.resolution.resolution import KnownPackage, LockedChoice

_SMALL = 4 << 20
"""Bytes of a wheel that is downloaded only for its METADATA."""

_FILES, _PAGES = 8, 4
"""How many are read at the same time."""


@value
class MetadataReader:
    """Reads METADATA of files that a resolution chose."""

    locations: IndexLocations
    client: IndexClient
    inner: InnerMetadataReader
    cache: MetadataCache
    sources: ListedSources | None = None
    """For source distributions, which only a declaration lets into a resolution."""

    def read_all(self, files: Iterable[ResolvedFile]) -> dict[str, WheelMetadata]:
        """`ResolvedFile.content` → METADATA of each file, read in parallel.

        IndexFailureError with every problem; HostError if a build failed.
        """
        wanted = {file.content: file for file in files}
        known = {
            content: found
            for content, file in wanted.items()
            if file.python is None and (found := self.cache.get(file.sha256)) is not None
        }
        with Workers(_FILES, thread_name_prefix="metadata") as pool:
            reading = {
                content: pool.submit(self.read, file)
                for content, file in wanted.items()
                if content not in known
            }
            # an index that failed once will fail again: the rest need not start
            for future in wait(reading.values(), return_when=FIRST_EXCEPTION).not_done:
                future.cancel()
        ended = [future for future in reading.values() if not future.cancelled()]
        errors = [error for future in ended if (error := future.exception()) is not None]
        if errors:
            raise _together(errors)
        return known | {content: future.result() for content, future in reading.items()}

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
                python=python_for(choice),
            )
            with suppress(IndexFailureError, HostError):
                provided = self.read(file).provides_extras
                found[choice.sha256] = frozenset(map(canonicalize_name, provided))
        return found

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """The names of the packages whose file the index lists with that sha256; none for a folder."""
        listed = side_by_side(self._is_listed, packages, most=_PAGES)
        return frozenset(
            package.name for package, found in zip(packages, listed, strict=True) if found
        )

    def _is_listed(self, package: KnownPackage) -> bool:
        location = self.locations.holding(package.index, package.name)
        try:
            page = self.client.project_page(location, package.name)
        except IndexFailureError:
            return False
        return package.sha256 in page.digests(package.file)

    def read(self, file: ResolvedFile) -> WheelMetadata:
        """METADATA of one file; IndexAnswerError, or HostError if a build failed."""
        if not file.file.endswith(".whl"):
            return self._built(self.locations.holding(file.index, file.package), file)
        known = self.cache.get(file.sha256)
        if known is None:
            location = self.locations.holding(file.index, file.package)
            inner = self.inner.read(location, file.package, self._listed(location, file))
            known = _value(location, file, inner)
            self.cache.put(file.sha256, known, lifetime=inner.lifetime)
        return known

    def read_if_cheap(self, file: ResolvedFile) -> WheelMetadata | None:
        """METADATA of any wheel; None if it needs a long download.

        Errors as in `read`.
        """
        location = self.locations.holding(file.index, file.package)
        if self.cache.get(file.sha256) is None:
            listed = self._listed(location, file)
            is_small = listed.size is not None and listed.size <= _SMALL
            is_near = is_small or is_on_disk(location, listed)
            if not is_near and not self.inner.read_parts(location, file.package, listed):
                return None
        return self.read(file)

    def _listed(self, location: IndexLocation, file: ResolvedFile) -> IndexFile:
        """The file as its index's page lists it."""
        page = self.client.project_page(location, file.package)
        listed = tuple(page.named(file.file))
        if not listed:
            raise bad_answer(Fault.NOT_FOUND, location, file.package, file.file)
        digests = dict.fromkeys(one.sha256 for one in listed)
        if len(digests) > 1:
            raise two_contents(location, file.package, file.file, digests)
        return replace(listed[0], sha256=file.sha256)

    def _built(self, location: IndexLocation, file: ResolvedFile) -> WheelMetadata:
        """METADATA of what a source distribution is built into."""
        assert self.sources is not None, "only `lock` reads METADATA of sources"
        found = self.sources.reader.read(
            location,
            file.package,
            self._listed(location, file),
            file.python or "",
            file.indexes,
            self.sources.rules,
        )
        return _value(location, file, found, built=True)


def python_for(choice: LockedChoice) -> str | None:
    """The Python that a locked source is built for; None for a wheel."""
    return None if choice.file.endswith(".whl") else choice.target.minor


def two_contents(
    location: IndexLocation, package: str, file: str, digests: Iterable[str | None]
) -> IndexAnswerError:
    """The error for a page that lists one file name with several sha256."""
    shown = (f"sha256 {digest[:12]}…" if digest else "no sha256" for digest in digests)
    reason = f"with {' and '.join(shown)}"
    return bad_answer(Fault.TWO_CONTENTS, location, package, file, reason)


def _value(
    location: IndexLocation, file: ResolvedFile, inner: InnerMetadata, *, built: bool = False
) -> WheelMetadata:
    with own_metadata(location, file.package, file.file):
        return parse_metadata(inner.content, file.package, inner.size, file.version, built=built)


def _together(errors: list[BaseException]) -> BaseException:
    """One exception with every index's problem, each said once; anything else goes first."""
    for error in errors:
        if not isinstance(error, IndexFailureError):
            return error
    problems = [
        p for error in errors if isinstance(error, IndexFailureError) for p in error.problems
    ]
    return IndexFailureError(dict.fromkeys(problems))
