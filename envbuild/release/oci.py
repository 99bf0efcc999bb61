"""The manifests of OCI artifacts: descriptors, a release's manifest, and the index of a folder."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"
"""What a registry is asked for by a tag or a digest."""

RELEASE = "application/vnd.envbuild.release.v1"
"""The artifact type of a release."""

CONFIG = "application/vnd.envbuild.release.config.v1+json+zstd"
WHEEL = "application/vnd.envbuild.wheel.v1+zip"
BUILT_WHEEL = "application/vnd.envbuild.built-wheel.v1+zip"
TOOL = "application/vnd.envbuild.tool.v1+zip"
"""A wheel of envbuild, of uv, or of what they need."""

START = "application/vnd.envbuild.start.v1+python"
"""The program that unpacks the tools on a host that has Python alone."""

PYTHON = "application/vnd.envbuild.python.v1.tar+zstd"
BYTECODE = "application/vnd.envbuild.bytecode.v1.tar+zstd"
SIGNATURE = "application/vnd.envbuild.signature.v1"
SSHSIG = "application/vnd.envbuild.signature.v1.sshsig"
EMPTY = "application/vnd.oci.empty.v1+json"

TITLE = "org.opencontainers.image.title"
REF_NAME = "org.opencontainers.image.ref.name"
OF_WHEEL = "io.envbuild.wheel"
"""On bytecode: the wheel's sha256."""

OF_INTERPRETER = "io.envbuild.interpreter"
"""On bytecode: the interpreter that it is for, as the bytecode cache names it."""

OF_BUILD = "io.envbuild.build"
"""On a wheel that was built from a source: the key of its build."""

OF_PYTHON = "io.envbuild.python"
"""On a Python: its folder's name below the store's `pythons`."""

LARGEST = 1 << 40
"""Bytes of a blob; a larger one is a mistake."""

MOST_MANIFEST = 4 << 20
"""Bytes; registries refuse larger ones."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@value
class Descriptor:
    """A blob, by its digest."""

    media_type: str
    digest: str
    """`sha256:` and 64 hex digits."""

    size: int
    """In bytes."""

    annotations: tuple[tuple[str, str], ...] = ()
    data: bytes | None = None
    """The blob itself, if it is small enough to lie in the manifest."""

    artifact_type: str = ""
    """Of a manifest in an index: that of its artifact."""

    def annotation(self, name: str) -> str:
        """An annotation's text; empty without it."""
        return dict(self.annotations).get(name, "")

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return self.digest.removeprefix("sha256:")


@value
class OciManifest:
    """The manifest of an artifact, or of an image."""

    artifact_type: str
    """Empty for an image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...] = ()
    subject: Descriptor | None = None
    """The manifest that it is about."""


def descriptor_of(
    media_type: str, content: bytes, annotations: Iterable[tuple[str, str]] = ()
) -> Descriptor:
    """The descriptor of some bytes."""
    return Descriptor(
        media_type=media_type,
        digest=digest_of(content),
        size=len(content),
        annotations=tuple(annotations),
    )


def digest_of(content: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return f"sha256:{sha256(content).hexdigest()}"


def signature_tag(digest: str) -> str:
    """The tag of a manifest's signature: `sha256-….sig`."""
    return f"{digest.replace(':', '-')}.sig"


def referrers_tag(digest: str) -> str:
    """The tag of the index of what refers to a manifest, where a registry keeps no such list itself."""
    return digest.replace(":", "-")


def media_type_of(content: bytes) -> str:
    """The media type in a manifest or an index; ValueError if it is neither."""
    return str(_loaded(content).get("mediaType", MANIFEST))


def render_manifest(manifest: OciManifest) -> bytes:
    """The bytes of a manifest: the same for the same value."""
    table: dict[str, object] = {"schemaVersion": 2, "mediaType": MANIFEST}
    if manifest.artifact_type:
        table["artifactType"] = manifest.artifact_type
    table["config"] = _descriptor_table(manifest.config)
    table["layers"] = [_descriptor_table(layer) for layer in manifest.layers]
    if manifest.subject is not None:
        table["subject"] = _descriptor_table(manifest.subject)
    table["annotations"] = dict(manifest.annotations)
    return json.dumps(table, separators=(",", ":")).encode("ascii")


def parse_manifest(content: bytes) -> OciManifest:
    """A manifest's bytes → value; ValueError says what is wrong."""
    table = _loaded(content)
    try:
        if table.get("mediaType", MANIFEST) != MANIFEST:
            raise ValueError(f"it is a {str(table['mediaType'])[:80]}, not a manifest")
        return OciManifest(
            artifact_type=str(table.get("artifactType", "")),
            config=parse_descriptor(table["config"]),
            layers=tuple(map(parse_descriptor, table["layers"])),
            annotations=_annotations(table),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("it is not the manifest of an artifact") from error


def render_index(manifests: Iterable[Descriptor]) -> bytes:
    """The bytes of a folder's `index.json`."""
    table = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [_descriptor_table(one) for one in manifests],
    }
    return (json.dumps(table, indent=1) + "\n").encode("ascii")


def parse_index(content: bytes) -> tuple[Descriptor, ...]:
    """The manifests in a folder's `index.json`; ValueError says what is wrong."""
    try:
        return tuple(map(parse_descriptor, _loaded(content)["manifests"]))
    except (KeyError, TypeError) as error:
        raise ValueError("it is not the index of an OCI layout") from error


def parse_descriptor(table: Any) -> Descriptor:
    """A descriptor of a manifest; ValueError, KeyError or TypeError if it is not one."""
    digest, size, data = table["digest"], table["size"], table.get("data")
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise ValueError(f"{digest!r:.80} is not a sha256")
    if type(size) is not int or not 0 <= size <= LARGEST:
        raise ValueError(f"{size!r:.80} is not a size")
    return Descriptor(
        media_type=str(table["mediaType"]),
        digest=digest,
        size=size,
        annotations=_annotations(table),
        data=base64.b64decode(data, validate=True) if isinstance(data, str) else None,
        artifact_type=str(table.get("artifactType") or ""),
    )


def _annotations(table: Any) -> tuple[tuple[str, str], ...]:
    found = table.get("annotations") or {}
    return tuple((str(name), str(text)) for name, text in dict(found).items())


def _loaded(content: bytes) -> dict[str, Any]:
    try:
        table = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(table, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  (what is wrong is a ValueError)
    return table


def _descriptor_table(one: Descriptor) -> dict[str, object]:
    table: dict[str, object] = {
        "mediaType": one.media_type,
        "digest": one.digest,
        "size": one.size,
    }
    if one.artifact_type:
        table["artifactType"] = one.artifact_type
    if one.annotations:
        table["annotations"] = dict(one.annotations)
    if one.data is not None:
        table["data"] = base64.b64encode(one.data).decode("ascii")
    return table
