"""A release as a folder in the OCI image layout: `oci-layout`, `index.json`, `blobs/sha256/…`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.lean_json import open_ordinary, read_ordinary
from envbuild.posix.files import make_folders, sync_folder, write_atomically, write_if_changed
from envbuild.release.oci import (
    LARGEST,
    MANIFEST,
    MOST_MANIFEST,
    REF_NAME,
    RELEASE,
    START,
    TITLE,
    Descriptor,
    descriptor_of,
    digest_of,
    media_type_of,
    parse_index,
    parse_manifest,
    render_index,
)
from envbuild.release.place import LATEST, PlaceError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from envbuild.release.place import Opener

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}\n'
MARK = "oci-layout"
INDEX = "index.json"
_PIECE = 1 << 20
_REFERS = re.compile(r"sha256-[0-9a-f]{64}")
"""The beginning of the tags of what refers to a manifest: its signature, its bill of materials."""


@value
class LayoutFolder:
    """Reads and writes a folder."""

    path: Path

    def manifest(self, tag: str | None = None) -> bytes | None:
        """As in `Origin`; a digest in the place of a tag names what no tag may name."""
        if tag is not None and tag.startswith("sha256:"):
            blob = Descriptor(media_type=MANIFEST, digest=tag, size=0)
            known = self.file_of(blob).is_file()
            return self._whole(blob) if known else None
        found = choose_manifest(self._listed(), tag, self._name)
        return None if found is None else self._whole(found)

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """As in `Origin`."""
        try:
            opened = open_ordinary(self.file_of(blob), most=LARGEST)
            with open(opened, "rb", buffering=0) as stream:  # noqa: PTH123
                stream.seek(start)
                while piece := stream.read(_PIECE):
                    yield piece
        except OSError as error:
            raise PlaceError(f"{blob_name(blob)}: {error.strerror}") from error

    def file_of(self, blob: Descriptor) -> Path:
        """Where a blob is, if it is here; nobody has checked it."""
        return self.path / blob_name(blob)

    def lacks(self, blob: Descriptor) -> bool:
        """As in `Destination`: a blob is put under its name when it is whole."""
        try:
            return self.file_of(blob).stat().st_size != blob.size
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self._cannot(error) from error

    def put(self, blob: Descriptor, opened: Opener) -> None:
        """As in `Destination`."""
        target = self.file_of(blob)
        scratch = target.with_name(f".{blob.sha256}.{os.getpid()}")
        try:
            make_folders(target.parent)
            with opened() as source, scratch.open("wb") as stream:
                while piece := source.read(_PIECE):
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            scratch.replace(target)
        except OSError as error:
            raise self._cannot(error) from error
        finally:
            scratch.unlink(missing_ok=True)

    def finish(self, manifests: tuple[tuple[str | None, bytes], ...]) -> None:
        """As in `Destination`: `index.json` is replaced in one step, after everything else is on the disk."""
        try:
            folder = self.path / "blobs" / "sha256"
            make_folders(folder)
            listed = {one.annotation(REF_NAME): one for one in self._listed()}
            for tag, content in manifests:
                named = named_manifest(tag, content)
                if tag != named.digest:
                    listed[named.annotation(REF_NAME)] = named
                write_atomically(self.file_of(named), content)
            sync_folder(folder)
            write_atomically(self.path / MARK, LAYOUT)
            write_atomically(
                self.path / INDEX, render_index(listed[name] for name in sorted(listed))
            )
            for script in start_blobs(content for _, content in manifests):
                content = self.file_of(script).read_bytes()
                write_if_changed(self.path / script.annotation(TITLE), content)
        except OSError as error:
            raise self._cannot(error) from error

    def check_destination(self, key: str) -> None:
        """UsageError if something else is there than such a folder, or nothing."""
        if not os.path.lexists(self.path) or (self.path / MARK).is_file():
            return
        if self.path.is_dir() and {name.name for name in self.path.iterdir()} <= {"blobs"}:
            return  # what a killed publish left
        what = "has other files" if self.path.is_dir() else "is not a folder"
        message = f"{self.path} {what}, and is not an OCI layout"
        raise UsageError(Problem(key=key, message=message, hint="name a new or an empty folder"))

    @property
    def _name(self) -> str:
        return str(self.path)

    def _listed(self) -> tuple[Descriptor, ...]:
        try:
            content = read_ordinary(self.path / INDEX)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise PlaceError(f"{INDEX}: {error.strerror}") from error
        return listed_manifests(content)

    def _whole(self, blob: Descriptor) -> bytes:
        return whole_manifest(blob, self.read(blob, 0))

    def _cannot(self, error: OSError) -> PlaceError:
        return PlaceError(f"cannot write {error.filename or self.path}: {error.strerror}")


def blob_name(blob: Descriptor) -> str:
    """`blobs/sha256/…`, below the layout's root."""
    return f"blobs/sha256/{blob.sha256}"


def listed_manifests(content: bytes) -> tuple[Descriptor, ...]:
    """The manifests of an `index.json`; PlaceError if it is not one."""
    try:
        return parse_index(content)
    except ValueError as error:
        raise PlaceError(f"{INDEX}: {error}") from error


def whole_manifest(blob: Descriptor, pieces: Iterable[bytes]) -> bytes:
    """A manifest's bytes, checked against its digest; PlaceError if they are others."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > MOST_MANIFEST:
            raise PlaceError("its manifest is too large")
    if digest_of(bytes(content)) != blob.digest:
        raise PlaceError(f"{blob_name(blob)} is not what its name says")
    return bytes(content)


def named_manifest(tag: str | None, content: bytes) -> Descriptor:
    """The descriptor of a manifest in `index.json`."""
    return descriptor_of(media_type_of(content), content, ((REF_NAME, tag or LATEST),))


def choose_manifest(
    listed: tuple[Descriptor, ...], tag: str | None, place: str
) -> Descriptor | None:
    """The manifest with a tag; without one the release: `latest`, or the only one that is about no other.

    PlaceError if several could be meant.
    """
    if tag is not None:
        return next((one for one in listed if one.annotation(REF_NAME) == tag), None)
    named = [one for one in listed if not _REFERS.match(one.annotation(REF_NAME))]
    latest = [one for one in named if one.annotation(REF_NAME) == LATEST]
    if not latest and len(named) > 1:
        names = ", ".join(one.annotation(REF_NAME)[:80] for one in named)
        raise PlaceError(f"{place} has several releases, and none is tagged {LATEST}: {names}")
    return next(iter(latest or named), None)


def start_blobs(manifests: Iterable[bytes]) -> Iterator[Descriptor]:
    """The `start.py` of a release with tools; it is also beside `index.json`, where people find it."""
    for content in manifests:
        if media_type_of(content) == MANIFEST:
            layers = parse_manifest(content).layers
            yield from (one for one in layers if one.media_type == START)


def is_release(content: bytes) -> bool:
    """Whether a manifest is that of a release; tools that copy may drop the type, but not the config's."""
    try:
        manifest = parse_manifest(content)
    except ValueError:
        return False
    return manifest.artifact_type in ("", RELEASE) and ".release." in manifest.config.media_type
