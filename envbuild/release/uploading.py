"""Put blobs into a place that lacks them, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.posix.workers import Workers
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.progress import Progress
    from envbuild.release.oci import Descriptor
    from envbuild.release.place import Destination, Opener

_SIDE_BY_SIDE = 4


@value
class PackedLayer:
    """A layer, and what opens its bytes."""

    blob: Descriptor
    opened: Opener


def upload(
    blobs: Sequence[Descriptor],
    openers: Mapping[str, Opener],
    destination: Destination,
    progress: Progress,
    what: str,
) -> None:
    """Put every blob, opened by its digest; progress shows it under the name `what`. PlaceError if one fails."""
    total, done = sum(blob.size for blob in blobs), 0

    def put(blob: Descriptor) -> int:
        destination.put(blob, openers[blob.digest])
        return blob.size

    with Workers(max_workers=_SIDE_BY_SIDE) as pool:
        for size in pool.map(put, blobs):
            done += size
            progress.written(what, done, total)
