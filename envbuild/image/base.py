"""The image that another one is built on: its manifest, its config, and the paths in it."""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.image.paths import FILE, FOLDER, PROGRAM, SPECIAL, ImagePaths, link_to
from envbuild.release.compression import open_for_reading
from envbuild.release.oci import (
    DOCKER_LIST,
    INDEX,
    MOST_MANIFEST,
    Descriptor,
    digest_of,
    parse_descriptor,
)
from envbuild.release.place import PlaceError
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from envbuild.release.place import Origin
    from envbuild.release.stage import Stage

_OCI = "application/vnd.oci.image.layer.v1.tar"
_DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
_LAYERS = {
    **{f"{_OCI}{how}": f"{_OCI}{how}" for how in ("", "+gzip", "+zstd")},
    _DOCKER: _OCI,
    f"{_DOCKER}.gzip": f"{_OCI}+gzip",
    f"{_DOCKER}.zstd": f"{_OCI}+zstd",
}
"""The kinds of layers that can be read, and what OCI calls them."""

_MOST_ENTRIES = 4_000_000
_MOST_BYTES = 1 << 40
"""Of all files of a base together."""

WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@value
class BaseImage:
    """An image, and what is in it."""

    name: str
    """As the user named it."""

    digest: str
    """Of its own manifest; the user may have named an index of several."""

    config: dict[str, Any]
    layers: tuple[Descriptor, ...]
    """With OCI's media types."""

    paths: ImagePaths


@value
class BaseReader:
    """Reads an image by its digest."""

    name: str
    """As the user named it."""

    digest: str
    """Of its manifest, or of an index of several."""

    origin: Origin
    stage: Stage
    """Keeps its blobs on this host."""

    def read(self, architecture: str) -> BaseImage:
        """Fetch the image for Linux on an architecture.

        IndexFailureError if it cannot be had or is damaged, HostError if it is for something else.
        """
        try:
            return self._read(architecture)
        except PlaceError as error:
            raise _failure(self.name, str(error)) from error
        except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
            raise _failure(self.name, "it is not the manifest of an image") from error

    def open(self, blob: Descriptor) -> BinaryIO:
        """A layer that was fetched."""
        path = self.stage.find(blob)
        if path is None:
            raise PlaceError(f"{blob.digest} of {self.name} is gone")
        return path.open("rb")

    def _read(self, architecture: str) -> BaseImage:
        digest = self.digest
        table = _table(self.origin, digest)
        if table.get("mediaType") in (INDEX, DOCKER_LIST) or "manifests" in table:
            digest = _chosen(self.name, table, architecture)
            table = _table(self.origin, digest)
        layers = tuple(map(_layer, table["layers"]))
        config = parse_descriptor(table["config"])
        if config.size > MOST_MANIFEST:
            raise PlaceError("its config is too large")
        lacking = self.stage.fetch([config, *layers])
        if lacking:
            raise PlaceError("; ".join(reason for one in lacking for reason in one.reasons))
        facts = json.loads(self.stage.read(config) or b"")
        _check_platform(self.name, facts, architecture)
        if len(facts["rootfs"]["diff_ids"]) != len(layers):
            raise PlaceError("its config lists other layers")
        return BaseImage(
            name=self.name,
            digest=digest,
            config=facts,
            layers=layers,
            paths=_paths(self.stage, layers),
        )


def _failure(name: str, reason: str) -> IndexFailureError:
    return IndexFailureError(
        Problem(key="--base", message=f"the image {name} cannot be used: {reason}")
    )


def _table(origin: Origin, digest: str) -> dict[str, Any]:
    """The manifest or index with a digest."""
    content = origin.manifest(digest)
    if content is None:
        raise PlaceError(f"nothing there has the digest {digest}")
    if digest_of(content) != digest:
        raise PlaceError(f"the content stored as {digest} has another digest")
    table = json.loads(content)
    if not isinstance(table, dict):
        raise PlaceError("its manifest is not a JSON object")
    return table


def _chosen(name: str, table: dict[str, Any], architecture: str) -> str:
    """The digest of the manifest for Linux on an architecture."""
    there = []
    for one in table["manifests"]:
        platform = one.get("platform") or {}
        words = (str(platform.get("os")), str(platform.get("architecture")))
        if words == ("linux", architecture):
            return parse_descriptor(one).digest
        there.append("/".join(words)[:80])
    message = f"the image {name} is not for linux/{architecture}"
    hint = f"it is for {', '.join(there[:10]) or 'nothing'}"
    raise HostError(Problem(key="--base", message=message, hint=hint))


def _check_platform(name: str, facts: dict[str, Any], architecture: str) -> None:
    found = f"{facts.get('os')}/{facts.get('architecture')}"
    if found != f"linux/{architecture}":
        message = (
            f"the image {name} is for {found[:80]}, but the drivers are for linux/{architecture}"
        )
        raise HostError(Problem(key="--base", message=message))


def _layer(table: Any) -> Descriptor:
    blob = parse_descriptor(table)
    kind = _LAYERS.get(blob.media_type)
    if kind is None:
        raise PlaceError(f"its layers of the type {blob.media_type[:80]!r} cannot be copied")
    return replace(blob, media_type=kind, annotations=())


def _paths(stage: Stage, layers: tuple[Descriptor, ...]) -> ImagePaths:
    """Every path of the image, when each layer has removed and added what it says."""
    paths = ImagePaths()
    count = size = 0
    for number, blob in enumerate(layers, 1):
        place = stage.find(blob)
        if place is None:
            raise PlaceError(f"its layer {number} is gone")
        added: list[tuple[str, str]] = []
        try:
            for entry in _entries(place, blob.media_type):
                count, size = count + 1, size + entry.size
                if count > _MOST_ENTRIES or size > _MOST_BYTES:
                    raise PlaceError("it has too many files, or too large ones")
                if not _remove(paths, entry.name):
                    added.append((entry.name, _kind(entry)))
        except _DAMAGE as error:
            raise PlaceError(f"its layer {number} is damaged: {str(error)[:200]}") from error
        for path, kind in added:  # a layer removes what is below it, never its own
            paths.add(path, kind)
    return paths


_DAMAGE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


def _entries(place: Path, media_type: str) -> Iterator[tarfile.TarInfo]:
    with place.open("rb") as raw:
        stream: Any = raw
        damage: type[Exception] = ValueError
        if media_type.endswith("+gzip"):
            stream = gzip.GzipFile(fileobj=raw)
        elif media_type.endswith("+zstd"):
            stream, damage = open_for_reading(raw)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                kept: Any = archive
                for entry in archive:
                    yield entry
                    kept.members = []  # it keeps them all otherwise
        except damage as error:
            raise ValueError(str(error)) from error


def _remove(paths: ImagePaths, path: str) -> bool:
    """Remove what an entry says is no longer there; whether it is such an entry."""
    folder, _, name = path.rpartition("/")
    if name == _OPAQUE:
        paths.empty(folder)
    elif name.startswith(WHITEOUT):
        paths.remove(f"{folder}/{name.removeprefix(WHITEOUT)}")
    return name.startswith(WHITEOUT)


def _kind(entry: tarfile.TarInfo) -> str:
    if entry.issym():
        return link_to(entry.linkname)
    if entry.isdir():
        return FOLDER
    if entry.isfile() or entry.islnk():
        return PROGRAM if entry.mode & 0o111 else FILE
    return SPECIAL
