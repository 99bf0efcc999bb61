"""A folder in the OCI layout: written so that a killed publish costs nothing, read with suspicion."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.release.layout import LayoutFolder
from envbuild.release.oci import (
    CONFIG,
    RELEASE,
    WHEEL,
    Descriptor,
    OciManifest,
    descriptor_of,
    render_manifest,
)
from envbuild.release.place import PlaceError

if TYPE_CHECKING:
    from pathlib import Path

WHEEL_BLOB = descriptor_of(WHEEL, b"wheel")


def manifest(text: str = "config") -> bytes:
    """A release's manifest."""
    config = descriptor_of(CONFIG, text.encode())
    return render_manifest(OciManifest(artifact_type=RELEASE, config=config, layers=(WHEEL_BLOB,)))


def put(folder: LayoutFolder, blob: Descriptor, content: bytes) -> None:
    """Put a blob."""
    folder.put(blob, lambda: io.BytesIO(content))


def test_what_was_put_can_be_read(tmp_path: Path) -> None:
    """Blobs from any position, the release, and what is beside it under a tag."""
    folder = LayoutFolder(path=tmp_path / "r")
    assert folder.manifest() is None
    assert folder.lacks(WHEEL_BLOB)
    put(folder, WHEEL_BLOB, b"wheel")
    assert not folder.lacks(WHEEL_BLOB)
    folder.finish((("x.sig", manifest("signature")), (None, manifest())))
    assert folder.manifest() == manifest()
    assert folder.manifest("x.sig") == manifest("signature")
    assert folder.manifest("other") is None
    assert b"".join(folder.read(WHEEL_BLOB, 2)) == b"eel"
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "blobs",
        "index.json",
        "oci-layout",
    ]


def test_until_it_is_finished_the_old_release_is_there(tmp_path: Path) -> None:
    """A publish that is killed leaves blobs that the next one need not write again."""
    folder = LayoutFolder(path=tmp_path)
    folder.finish(((None, manifest("old")),))
    put(folder, WHEEL_BLOB, b"wheel")
    assert folder.manifest() == manifest("old")
    folder.finish(((None, manifest("new")),))
    assert folder.manifest() == manifest("new")
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 1


def test_a_half_written_blob_is_lacking(tmp_path: Path) -> None:
    """A blob gets its name when it is whole, and one of another size is written again."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "broken")

    folder = LayoutFolder(path=tmp_path)
    with pytest.raises(PlaceError):
        folder.put(WHEEL_BLOB, Broken)
    assert folder.lacks(WHEEL_BLOB)
    assert list((tmp_path / "blobs/sha256").iterdir()) == []
    (tmp_path / "blobs/sha256" / WHEEL_BLOB.sha256).write_bytes(b"whe")
    assert folder.lacks(WHEEL_BLOB)


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    """The digest in `index.json` decides."""
    folder = LayoutFolder(path=tmp_path)
    folder.finish(((None, manifest()),))
    for blob in (tmp_path / "blobs/sha256").iterdir():
        blob.write_bytes(manifest("other"))
    with pytest.raises(PlaceError, match="is not what its name says"):
        folder.manifest()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"manifests": [{"digest": "x"}]}'])
def test_a_damaged_index_is_named(tmp_path: Path, text: str) -> None:
    """It is not taken for a folder without a release."""
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(PlaceError, match=r"index\.json"):
        LayoutFolder(path=tmp_path).manifest()


def test_several_releases_need_a_name(tmp_path: Path) -> None:
    """One that another tool tagged is taken; of several without `latest` none is guessed."""
    folder = LayoutFolder(path=tmp_path)
    folder.finish((("ring-1", manifest("a")),))
    assert folder.manifest() == manifest("a")
    folder.finish((("ring-2", manifest("b")),))
    with pytest.raises(PlaceError, match="ring-1, ring-2"):
        folder.manifest()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A folder of something else, or a file, is no destination; an empty folder and a begun release are."""
    mine = tmp_path / "mine"
    mine.mkdir()
    LayoutFolder(path=mine).check_destination("DEST")
    LayoutFolder(path=tmp_path / "new").check_destination("DEST")
    (mine / "blobs").mkdir()
    LayoutFolder(path=mine).check_destination("DEST")
    (mine / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="has other files"):
        LayoutFolder(path=mine).check_destination("DEST")
    with pytest.raises(UsageError, match="is not a folder"):
        LayoutFolder(path=mine / "thesis.tex").check_destination("DEST")
