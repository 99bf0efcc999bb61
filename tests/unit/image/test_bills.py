"""Bills of materials beside an image."""

from __future__ import annotations

import json

from envbuild.image.bills import SBOM, add_to_index, attach_bill, named_by_digest
from envbuild.release.oci import INDEX, MANIFEST, descriptor_of, parse_manifest

IMAGE = descriptor_of(MANIFEST, b"{}")


def test_a_bill_refers_to_its_image() -> None:
    """As OCI's referrers do: `subject`, the type of the document, an empty config."""
    bill = attach_bill("web", b"{}\n", IMAGE)
    manifest = json.loads(bill.manifest)
    assert manifest["subject"] == {
        "mediaType": MANIFEST,
        "digest": IMAGE.digest,
        "size": IMAGE.size,
    }
    assert manifest["artifactType"] == SBOM
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert [one["mediaType"] for one in manifest["layers"]] == [SBOM]
    assert {blob.digest: content for blob, content in bill.blobs} == {
        blob.digest: content
        for blob, content in zip(
            (parse_manifest(bill.manifest).config, *parse_manifest(bill.manifest).layers),
            (b"{}", b"{}\n"),
            strict=True,
        )
    }
    assert named_by_digest((bill,)) == ((bill.listed.digest, bill.manifest),)


def test_others_that_refer_to_the_image_stay() -> None:
    """The index keeps what other tools have attached, and is written only if something is new."""
    one, two = attach_bill("a", b"1", IMAGE), attach_bill("b", b"2", IMAGE)
    first = add_to_index(None, (one,))
    assert first is not None
    both = add_to_index(first, (one, two))
    assert both is not None
    table = json.loads(both)
    assert table["mediaType"] == INDEX
    assert [entry["digest"] for entry in table["manifests"]] == [
        one.listed.digest,
        two.listed.digest,
    ]
    assert [entry["artifactType"] for entry in table["manifests"]] == [SBOM, SBOM]
    assert add_to_index(both, (two, one)) is None
    assert add_to_index(b"no index", (one,)) == first
