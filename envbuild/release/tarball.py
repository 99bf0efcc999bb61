"""A release as one tar: the OCI layout's files in it, for a disk that is carried from host to host."""

from __future__ import annotations

import io
import os
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from envbuild.errors import Problem, UsageError
from envbuild.posix.files import make_folders, sync_folder
from envbuild.release.layout import (
    INDEX,
    LAYOUT,
    MARK,
    blob_name,
    choose_manifest,
    listed_manifests,
    named_manifest,
    start_blobs,
    whole_manifest,
)
from envbuild.release.oci import MOST_MANIFEST, REF_NAME, TITLE, Descriptor, render_index
from envbuild.release.place import PlaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from envbuild.release.place import Opener

_PIECE = 1 << 20


class Tarball:
    """Reads a tar at random, and writes a new one that replaces it in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, tuple[int, int]] | None = None
        self._put: dict[str, tuple[Descriptor, Opener]] = {}

    def manifest(self, tag: str | None = None) -> bytes | None:
        """As in `Origin`."""
        found = choose_manifest(self._listed(), tag, str(self.path))
        return None if found is None else whole_manifest(found, self.read(found, 0))

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """As in `Origin`."""
        yield from self._pieces(blob_name(blob), start)

    def lacks(self, blob: Descriptor) -> bool:
        """As in `Destination`: a new tar takes the old one's blobs without being given them."""
        known = self._index().get(blob_name(blob))
        if known is not None and known[1] == blob.size:
            self._put.setdefault(blob.digest, (blob, lambda: self._opened(blob)))
            return False
        return blob.digest not in self._put

    def put(self, blob: Descriptor, opened: Opener) -> None:
        """As in `Destination`; the content is read when the tar is written."""
        self._put[blob.digest] = (blob, opened)

    def finish(self, manifests: tuple[tuple[str | None, bytes], ...]) -> None:
        """As in `Destination`: the index is the last member, and the tar gets its name when it is whole."""
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        named = [named_manifest(tag, content) for tag, content in manifests]
        blobs: dict[str, tuple[Descriptor, Opener]] = {
            one.digest: (one, partial(io.BytesIO, content))
            for one, (_, content) in zip(named, manifests, strict=True)
        }
        try:
            make_folders(self.path.parent)
            with tarfile.open(scratch, "w", format=tarfile.PAX_FORMAT) as archive:
                _add(archive, MARK, LAYOUT)
                for script in start_blobs(content for _, content in manifests):
                    with self._put[script.digest][1]() as source:
                        archive.addfile(_member(script.annotation(TITLE), script.size), source)
                together = {**self._put, **blobs}
                for digest in sorted(together):
                    blob, opened = together[digest]
                    with opened() as source:
                        archive.addfile(_member(blob_name(blob), blob.size), source)
                _add(
                    archive,
                    INDEX,
                    render_index(sorted(named, key=lambda x: x.annotation(REF_NAME))),
                )
            _sync(scratch)
            scratch.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            where = error.filename or self.path
            raise PlaceError(f"cannot write {where}: {error.strerror or error}") from error
        finally:
            scratch.unlink(missing_ok=True)
        self._members = None

    def check_destination(self, key: str) -> None:
        """UsageError if something else is there than such a tar, or nothing."""
        if not os.path.lexists(self.path):
            return
        try:
            if self.path.is_file() and MARK in self._index():
                return
        except PlaceError:
            pass
        message = f"{self.path} exists, and is not a release in a tar"
        raise UsageError(Problem(key=key, message=message, hint="name a new file"))

    def _listed(self) -> tuple[Descriptor, ...]:
        if INDEX not in self._index():
            return ()
        content = b"".join(self._pieces(INDEX, 0))
        return listed_manifests(content)

    def _index(self) -> dict[str, tuple[int, int]]:
        """Offset and size of each member, by its name."""
        if self._members is None:
            try:
                with tarfile.open(self.path, "r:") as archive:
                    self._members = {
                        member.name.removeprefix("./"): (member.offset_data, member.size)
                        for member in archive
                        if member.isreg() and not cast("Any", member).issparse()
                    }
            except FileNotFoundError:
                self._members = {}
            except (OSError, tarfile.TarError) as error:
                reason = error.strerror if isinstance(error, OSError) else "the tar is incomplete"
                raise PlaceError(f"{self.path}: {reason}") from error
        return self._members

    def _pieces(self, name: str, start: int) -> Iterator[bytes]:
        if name not in self._index():
            raise PlaceError(f"{self.path} has no {name}")
        offset, size = self._index()[name]
        if name == INDEX and size > MOST_MANIFEST:
            raise PlaceError(f"{self.path}: its {INDEX} is too large")
        left = size - start
        try:
            with self.path.open("rb") as stream:
                stream.seek(offset + start)
                while left > 0 and (piece := stream.read(min(left, _PIECE))):
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise PlaceError(f"{self.path}: {error.strerror}") from error

    def _opened(self, blob: Descriptor) -> BinaryIO:
        """A blob of the old tar."""
        stream = self.path.open("rb")
        stream.seek(self._index()[blob_name(blob)][0])
        return stream


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_member(name, len(content)), io.BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without times and owners, so that the same release is the same tar."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
