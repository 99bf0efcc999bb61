"""The image below another one."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import EnvbuildError, HostError, IndexFailureError
from envbuild.image.base import BaseImage, BaseReader
from envbuild.image.paths import FOLDER, PROGRAM
from envbuild.release.layout import LayoutFolder
from envbuild.release.oci import digest_of
from envbuild.release.stage import Stage
from tests.support.base_image import base_layer, write_base

if TYPE_CHECKING:
    from pathlib import Path

LOWER = base_layer({"bin/a": b"a", "bin/b": b"b", "etc": None, "etc/x": b"", "opt/p": b"p"})
UPPER = base_layer(
    {"bin/.wh.a": b"", "etc/.wh..wh..opq": b"", "etc/new": b"n", "usr": None, "sbin": "→ bin"}
)


def read(folder: Path, digest: str, architecture: str = "amd64") -> BaseImage:
    """The base in a folder."""
    origin = LayoutFolder(path=folder)
    stage = Stage(folder.with_name("stage"), [("base", origin)], note=lambda _: None)
    return BaseReader(name="base", digest=digest, origin=origin, stage=stage).read(architecture)


@pytest.mark.parametrize("docker", [False, True])
def test_a_base_is_what_its_layers_leave(scratch: Path, *, docker: bool) -> None:
    """Upper layers add and remove; docker's types become those of OCI."""
    digest = write_base(scratch / "base", (LOWER, UPPER), docker=docker)
    base = read(scratch / "base", digest)
    assert base.digest == digest
    assert {one.media_type for one in base.layers} == {
        "application/vnd.oci.image.layer.v1.tar+gzip"
    }
    kinds = {path: base.paths.kind(path) for path in ("bin/a", "etc/x", "etc/new", "usr")}
    assert kinds == {"bin/a": None, "etc/x": None, "etc/new": PROGRAM, "usr": FOLDER}
    assert base.paths.resolve("sbin/b") == PROGRAM
    assert base.config["config"]["User"] == "7"


def test_an_index_gives_the_image_for_the_architecture(scratch: Path) -> None:
    """Bases are published for several; the digest of their index names them all."""
    digests = {
        name: write_base(scratch / "base", (LOWER,), architecture=name)
        for name in ("amd64", "arm64")
    }
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": 2,
                "platform": {"os": "linux", "architecture": name},
            }
            for name, digest in digests.items()
        ],
    }
    folder = LayoutFolder(path=scratch / "base")
    folder.finish((("multi", json.dumps(index).encode()),))
    named = digest_of(json.dumps(index).encode())
    assert read(scratch / "base", named, "arm64").digest == digests["arm64"]
    with pytest.raises(HostError, match="not for linux/riscv64") as error:
        read(scratch / "base", named, "riscv64")
    assert "linux/amd64, linux/arm64" in str(error.value)


def test_a_base_for_another_architecture_is_refused(scratch: Path) -> None:
    """What would not start is not built upon."""
    digest = write_base(scratch / "base", (LOWER,), architecture="arm64")
    with pytest.raises(HostError, match="is for linux/arm64"):
        read(scratch / "base", digest)


def fails(folder: Path, digest: str) -> str:
    """The message of a base that cannot be used."""
    with pytest.raises(IndexFailureError) as error:
        read(folder, digest)
    assert isinstance(error.value, EnvbuildError)
    return str(error.value)


def test_what_is_damaged_is_named(scratch: Path) -> None:
    """A missing digest, a manifest or a layer with another content, and what is no layer at all."""
    digest = write_base(scratch / "base", (LOWER,))
    assert "nothing there has the digest" in fails(scratch / "base", f"sha256:{'0' * 64}")
    blobs = scratch / "base/blobs/sha256"
    layer = json.loads((blobs / digest[7:]).read_text())["layers"][0]["digest"]
    (blobs / layer[7:]).write_bytes(LOWER[:-1] + b"x")
    assert "another content than its digest says" in fails(scratch / "base", digest)
    (blobs / digest[7:]).write_text("{}")
    assert "is not what its name says" in fails(scratch / "base", digest)
    for content in (b"no gzip", gzip.compress(b"no tar" * 200), LOWER[: len(LOWER) // 2]):
        (scratch / "odd").mkdir(exist_ok=True)
        odd = _with_layer(scratch / "odd", content)
        assert "its layer 1 is damaged" in fails(scratch / "odd", odd)


def _with_layer(folder: Path, content: bytes) -> str:
    """An image whose only layer has these bytes."""
    digest = write_base(folder, (LOWER,))
    blobs = folder / "blobs/sha256"
    manifest = json.loads((blobs / digest[7:]).read_text())
    manifest["layers"][0] |= {
        "digest": f"sha256:{sha256(content).hexdigest()}",
        "size": len(content),
    }
    (blobs / sha256(content).hexdigest()).write_bytes(content)
    text = json.dumps(manifest).encode()
    (blobs / sha256(text).hexdigest()).write_bytes(text)
    return f"sha256:{sha256(text).hexdigest()}"
