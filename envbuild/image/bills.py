"""Bills of materials that are attached to an image, as OCI's referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.release.oci import (
    EMPTY,
    MANIFEST,
    TITLE,
    Descriptor,
    OciManifest,
    descriptor_of,
    digest_of,
    parse_index,
    render_index,
    render_manifest,
)
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable

SBOM = "application/vnd.cyclonedx+json"
_EMPTY = b"{}"


@value
class AttachedBill:
    """A driver's bill of materials with the manifest that attaches it."""

    manifest: bytes
    listed: Descriptor
    """The manifest, as an index lists it."""

    blobs: tuple[tuple[Descriptor, bytes], ...]
    """What the manifest needs."""


def attach_bill(driver: str, bill: bytes, image: Descriptor) -> AttachedBill:
    """Attach a CycloneDX document to an image's manifest."""
    title = ((TITLE, f"{driver}.cdx.json"),)
    layer, config = descriptor_of(SBOM, bill, title), descriptor_of(EMPTY, _EMPTY)
    manifest = render_manifest(
        OciManifest(
            artifact_type=SBOM, config=config, layers=(layer,), subject=image, annotations=title
        )
    )
    return AttachedBill(
        manifest=manifest,
        listed=replace(descriptor_of(MANIFEST, manifest, title), artifact_type=SBOM),
        blobs=((config, _EMPTY), (layer, bill)),
    )


def add_to_index(content: bytes | None, bills: Iterable[AttachedBill]) -> bytes | None:
    """The index of what refers to the image, with the bills added; None if it has them already."""
    try:
        known = parse_index(content) if content is not None else ()
    except ValueError:  # something else has the tag
        known = ()
    digests = {one.digest for one in known}
    added = tuple(one.listed for one in bills if one.listed.digest not in digests)
    return render_index((*known, *added)) if added else None


def named_by_digest(bills: Iterable[AttachedBill]) -> tuple[tuple[str, bytes], ...]:
    """The manifests of the bills, as `Destination.finish` takes them."""
    return tuple((digest_of(one.manifest), one.manifest) for one in bills)
