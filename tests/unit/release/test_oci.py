"""Manifests: what is written, and what is read from a stranger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from envbuild.release.oci import (
    RELEASE,
    TITLE,
    WHEEL,
    OciManifest,
    descriptor_of,
    parse_index,
    parse_manifest,
    render_index,
    render_manifest,
    signature_tag,
)
from envbuild.value import replace

LAYER = descriptor_of(WHEEL, b"wheel", ((TITLE, "x-1.0-py3-none-any.whl"),))
MANIFEST = OciManifest(
    artifact_type=RELEASE,
    config=descriptor_of("application/x", b"config"),
    layers=(LAYER, replace(LAYER, data=b"wheel")),
    annotations=(("a", "b"),),
)
CONTENT = render_manifest(MANIFEST)


def test_the_bytes_give_the_value_back() -> None:
    """The digest of a manifest is that of its value."""
    assert parse_manifest(CONTENT) == MANIFEST
    assert render_manifest(parse_manifest(CONTENT)) == CONTENT
    assert parse_index(render_index([LAYER])) == (LAYER,)


def test_a_signature_has_the_tag_of_its_manifest() -> None:
    """Registries without referrers find it too."""
    assert signature_tag("sha256:ab") == "sha256-ab.sig"


def with_layer(**fields: Any) -> bytes:
    """The manifest with another first layer."""
    table = json.loads(CONTENT)
    table["layers"][0] |= fields
    return json.dumps(table).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        with_layer(digest="sha256:../../etc/passwd"),
        with_layer(digest="md5:00"),
        with_layer(digest=None),
        with_layer(size=-1),
        with_layer(size=1 << 50),
        with_layer(size="1"),
        with_layer(data="*"),
        with_layer(annotations=[1]),
        json.dumps({**json.loads(CONTENT), "layers": None}).encode(),
        json.dumps({**json.loads(CONTENT), "mediaType": "application/json"}).encode(),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    """A digest is 64 hex digits, a size a size: nothing else becomes a path or a length."""
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
        parse_manifest(content)
