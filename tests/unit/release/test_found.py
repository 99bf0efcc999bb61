"""Which release is followed: the first whole one; what is too large, too old or expired is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import IndexFailureError, NoError
from envbuild.release.compression import compress
from envbuild.release.found import FoundRelease, find_release, refuse_old
from envbuild.release.oci import CONFIG, RELEASE, OciManifest, descriptor_of, render_manifest
from envbuild.release.stage import Stage
from envbuild.value import replace
from tests.unit.release.test_document import CONTENT
from tests.unit.release.test_document import RELEASE as CONTAINED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.release.oci import Descriptor

CONFIG_BYTES = compress(CONTENT)
MANIFEST = OciManifest(artifact_type=RELEASE, config=descriptor_of(CONFIG, CONFIG_BYTES), layers=())


class Place:
    """A place with a manifest, and one blob for whatever is asked."""

    def __init__(self, manifest: bytes | None, blob: bytes = CONFIG_BYTES) -> None:
        self._manifest = manifest
        self._blob = blob
        self.read_from = 0

    def manifest(self, tag: str | None = None) -> bytes | None:
        """The release's; no signature."""
        return self._manifest if tag is None else None

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """The one blob."""
        self.read_from += 1
        yield self._blob[start:]


def found(folder: Path, notes: list[str], *places: Place) -> FoundRelease:
    """The release of the first place that has one."""
    named = [(f"p{number}", place) for number, place in enumerate(places)]
    stage = Stage(folder, named, note=notes.append)
    return find_release(named, stage, None, notes.append)


def test_the_first_whole_release_is_taken(tmp_path: Path) -> None:
    """Places without one, with something else, and with garbage are named."""
    notes: list[str] = []
    right = Place(render_manifest(MANIFEST))
    other = render_manifest(replace(MANIFEST, artifact_type="application/x"))
    taken = found(tmp_path, notes, Place(None), Place(other), Place(b"garbage"), right)
    assert (taken.release, taken.place) == (CONTAINED, "p3")
    assert taken.untrusted == "this host trusts no key"
    assert len(notes) == 3


@pytest.mark.parametrize(
    ("manifest", "blob", "words"),
    [
        (None, b"", "nothing has been published"),
        (b"garbage", b"", "not a release"),
        (render_manifest(MANIFEST), b"other bytes", "cut off"),
        (
            render_manifest(replace(MANIFEST, config=replace(MANIFEST.config, size=1 << 39))),
            b"",
            "its config is too large",
        ),
    ],
)
def test_no_release_is_said_with_the_reason(
    tmp_path: Path, manifest: bytes | None, blob: bytes, words: str
) -> None:
    """Exit code 4; what is too large is not even begun."""
    place = Place(manifest, blob)
    with pytest.raises(IndexFailureError, match=words):
        found(tmp_path, [], place)
    assert place.read_from == (words == "cut off")


def test_old_and_expired_releases_are_refused(tmp_path: Path) -> None:
    """Each with its number and what to do; both are said at once."""
    taken = found(tmp_path, [], Place(render_manifest(MANIFEST)))
    refuse_old(taken, seen=3, now="2026-12-20T09:59:59Z")
    with pytest.raises(NoError, match="expired"):
        refuse_old(taken, seen=3, now="2026-12-20T10:00:00Z")
    with pytest.raises(NoError) as caught:
        refuse_old(taken, seen=4, now="2027-01-01T00:00:00Z")
    assert len(caught.value.problems) == 2
