"""The METADATA of wheels on indexes, each read once a command, with as little download as its index allows."""

from __future__ import annotations

import math
import os
import tempfile
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault, IndexAnswerError, garbage
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.once import Once
from envbuild.index.remote_file import TAIL, InnerMetadata, metadata_in_ranges
from envbuild.wheelcache.metadata import find_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, TypeAlias

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient

    _Way: TypeAlias = Callable[[IndexLocation, str, IndexFile], InnerMetadata | None]


class InnerMetadataReader:
    """Reads METADATA for resolvers and for lockfiles alike; safe to share between threads.

    A resolver gets the METADATA that the index serves beside a wheel, as any resolver does.
    For a chosen wheel, its own METADATA is read first, because only that counts.
    If the index serves none, the wheel's own is read once for both.
    """

    def __init__(self, client: IndexClient) -> None:
        self._client = client
        self._inside: Once[InnerMetadata | None] = Once()
        self._whole: Once[InnerMetadata] = Once()
        self._lying_beside: Once[bytes] = Once()
        self._tails: dict[tuple[str, str], int] = {}
        """How many of the last bytes of a package's wheels are read first, by its index and its name."""

    def read_served(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata:
        """What a resolver is told; the whole wheel is read if there is no other way.

        What lies beside the wheel counts if its page vouches for it. IndexAnswerError if it cannot be read.
        """
        ways = (self._beside, self._in_ranges)
        return self._first(
            location, package, listed, ways if listed.metadata_sha256 else ways[::-1]
        )

    def read(self, location: IndexLocation, package: str, listed: IndexFile) -> InnerMetadata:
        """What a wheel holds as its METADATA; errors as in `read_served`."""
        return self._first(location, package, listed, (self._in_ranges, self._beside))

    def read_parts(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """What a wheel on the web holds; None if only the whole wheel could tell."""
        found = self._in_ranges(location, package, listed)
        return found if found is not None else self._beside(location, package, listed)

    def _first(
        self, location: IndexLocation, package: str, listed: IndexFile, ways: tuple[_Way, ...]
    ) -> InnerMetadata:
        if is_on_disk(location, listed):
            with open_on_disk(location, package, listed) as wheel:
                content = _find(location, package, listed, wheel)
                size = os.fstat(wheel.fileno()).st_size
                return InnerMetadata(content=content, size=size, lifetime=0.0)
        for read in ways:
            if (found := read(location, package, listed)) is not None:
                return found
        key = (location.name, package, listed.filename, listed.sha256)
        return self._whole.get(key, lambda: self._in_whole(location, package, listed))

    def _in_whole(self, location: IndexLocation, package: str, listed: IndexFile) -> InnerMetadata:
        with tempfile.TemporaryFile() as wheel:
            _, size = self._client.download(location, package, listed, wheel)
            content = _find(location, package, listed, wheel)
            holds = math.inf if listed.sha256 is not None else 0.0
            return InnerMetadata(content=content, size=size, lifetime=holds)

    def _in_ranges(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """METADATA from the wheel's end; how long that is, the package's last wheel has shown."""
        of_package = (location.name, package)

        def ask() -> InnerMetadata | None:
            tail = self._tails.get(of_package, TAIL)
            found = metadata_in_ranges(self._client, location, package, listed, tail=tail)
            if found is not None:
                self._tails[of_package] = found.tail
            return found

        return self._inside.get((*of_package, listed.filename, listed.sha256), ask)

    def _beside(
        self, location: IndexLocation, package: str, listed: IndexFile
    ) -> InnerMetadata | None:
        """METADATA as the index serves it (PEP 658); None if it does not, or gives no size of the wheel."""
        if not listed.has_metadata:
            return None
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
    with garbage(location, package, listed.filename):
        return find_metadata(wheel, package)
