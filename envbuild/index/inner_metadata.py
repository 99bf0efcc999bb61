"""The METADATA of wheels on indexes, each read once a command, with as little download as its index allows."""

from __future__ import annotations

import math
import os
import tempfile
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.once import Once
from envbuild.index.remote_file import InnerMetadata, metadata_in_ranges
from envbuild.wheelcache.metadata import find_metadata

if TYPE_CHECKING:
    from typing import IO

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient


class InnerMetadataReader:
    """Reads METADATA for resolvers and for lockfiles alike; safe to share between threads.

    Files of a version for which their page gives the same sha256 of METADATA need it once together.
    """

    def __init__(self, client: IndexClient) -> None:
        self._client = client
        self._known: Once[InnerMetadata] = Once()
        self._in_parts: Once[InnerMetadata | None] = Once()
        self._lying_beside: Once[bytes] = Once()

    def read(self, location: IndexLocation, package: str, listed: IndexFile) -> InnerMetadata:
        """A wheel's METADATA; the whole wheel is read if there is no other way.

        IndexAnswerError if it cannot be read.
        """
        key = (location.name, package, listed.filename, listed.sha256)
        return self._known.get(key, lambda: self._read(location, package, listed))

    def read_parts(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """The same of a wheel on the web; None where only the whole wheel could tell."""
        key = (location.name, package, listed.filename, listed.sha256)
        return self._in_parts.get(key, lambda: self._read_parts(location, package, listed))

    def _read(self, location: IndexLocation, package: str, listed: IndexFile) -> InnerMetadata:
        if is_on_disk(location, listed):
            with open_on_disk(location, package, listed) as wheel:
                content = _find(location, package, listed, wheel)
                size = os.fstat(wheel.fileno()).st_size
                return InnerMetadata(content=content, size=size, lifetime=0.0)
        found = self.read_parts(location, package, listed)
        if found is not None:
            return found
        with tempfile.TemporaryFile() as wheel:
            _, size = self._client.download(location, package, listed, wheel)
            content = _find(location, package, listed, wheel)
            holds = math.inf if listed.sha256 is not None else 0.0
            return InnerMetadata(content=content, size=size, lifetime=holds)

    def _read_parts(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """The file beside the wheel counts if the page has its hash; else the wheel itself is read first."""
        ways = [self._in_ranges]
        if listed.has_metadata:
            ways.insert(1 if listed.metadata_sha256 is None else 0, self._beside)
        for read in ways:
            if (found := read(location, package, listed)) is not None:
                return found
        return None

    def _in_ranges(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        return metadata_in_ranges(self._client, location, package, listed)

    def _beside(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """METADATA as the index serves it (PEP 658); None if it does not, or gives no size of the wheel."""
        key = (location.name, package, listed.metadata_sha256 or listed.filename)
        try:
            content = self._lying_beside.get(
                key, lambda: self._client.metadata_beside(location, package, listed)
            )
        except IndexAnswerError as error:
            if error.answer.fault is Fault.NOT_FOUND:
                return None
            raise
        size = listed.size
        if size is None:
            size = self._client.file_size(location, package, listed)
        holds = math.inf if listed.metadata_sha256 is not None else 0.0
        return None if size is None else InnerMetadata(content=content, size=size, lifetime=holds)


def _find(location: IndexLocation, package: str, listed: IndexFile, wheel: IO[bytes]) -> bytes:
    try:
        return find_metadata(wheel, package)
    except ValueError as error:
        answer = IndexAnswer(
            fault=Fault.GARBAGE,
            location=location,
            package=package,
            file=listed.filename,
            reason=str(error),
        )
        raise IndexAnswerError(answer) from error
