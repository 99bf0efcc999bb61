"""What `envbuild image` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_bytes, render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.image import MadeImage
    from envbuild.text import Text


def render_image(result: MadeImage) -> Text:
    """The image's digest, what it starts, and what was written."""
    return text_of(_lines(result))


def _lines(result: MadeImage) -> Iterator[str]:
    drivers = ", ".join(f"{name} {version}" for name, version in result.drivers)
    yield f"image of {drivers} at {result.destination}: {result.digest}"
    yield f"  starts {result.entry_point}"
    layers = render_count(len(result.layers), "layer")
    held = f"{layers} with {render_bytes(sum(layer.size for layer in result.layers))}"
    if result.unchanged:
        yield f"{held}; it was there already"
    else:
        size = sum(blob.size for blob in result.uploaded)
        sent = f"{render_count(len(result.uploaded), 'blob')} with {render_bytes(size)}"
        yield f"{held}; {sent} written"
    if result.base is None:
        yield (
            "it has no base, and so no C library: mount it as an image volume, copy from it, "
            "or name a base with --base"
        )


def image_table(result: MadeImage) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "destination": result.destination,
        "digest": result.digest,
        "drivers": [{"name": name, "version": version} for name, version in result.drivers],
        "base": result.base,
        "entry_point": result.entry_point,
        "layers": [
            {
                "title": layer.annotation("org.opencontainers.image.title") or None,
                "digest": layer.digest,
                "size": layer.size,
            }
            for layer in result.layers
        ],
        "sboms": [one.digest for one in result.bills],
        "uploaded": {
            "blobs": len(result.uploaded),
            "size": sum(blob.size for blob in result.uploaded),
        },
        "unchanged": result.unchanged,
    }
