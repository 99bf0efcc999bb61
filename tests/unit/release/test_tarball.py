"""A release in a tar: the same bytes for the same release, replaced in one step."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.release.oci import WHEEL, descriptor_of
from envbuild.release.place import PlaceError
from envbuild.release.tarball import Tarball
from tests.unit.release.test_layout import WHEEL_BLOB, manifest

if TYPE_CHECKING:
    from pathlib import Path

OTHER = descriptor_of(WHEEL, b"other")


def write(path: Path, *, order: int = 1) -> None:
    """Write a release with two wheels, in either order."""
    tar = Tarball(path)
    for blob, content in [(WHEEL_BLOB, b"wheel"), (OTHER, b"other")][::order]:
        assert tar.lacks(blob)
        tar.put(blob, lambda content=content: io.BytesIO(content))  # type: ignore[misc]
    tar.finish((("x.sig", manifest("signature")), (None, manifest())))


def test_it_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    """Two tars of one release are one file; its index comes last."""
    write(tmp_path / "a.tar")
    write(tmp_path / "b.tar", order=-1)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        names = archive.getnames()
    assert (names[0], names[-1]) == ("oci-layout", "index.json")


def test_what_was_put_can_be_read(tmp_path: Path) -> None:
    """The release, its signature, and blobs from any position."""
    write(tmp_path / "a.tar")
    tar = Tarball(tmp_path / "a.tar")
    assert (tar.manifest(), tar.manifest("x.sig")) == (manifest(), manifest("signature"))
    assert b"".join(tar.read(WHEEL_BLOB, 0)) == b"wheel"
    assert b"".join(tar.read(OTHER, 3)) == b"er"
    with pytest.raises(PlaceError, match="has no blobs"):
        list(tar.read(descriptor_of(WHEEL, b"absent"), 0))


def test_a_new_release_takes_what_the_old_tar_has(tmp_path: Path) -> None:
    """Nothing is asked for again, and what is not named any more goes."""
    write(tmp_path / "a.tar")
    tar = Tarball(tmp_path / "a.tar")
    assert not tar.lacks(OTHER)
    tar.finish(((None, manifest("new")),))
    again = Tarball(tmp_path / "a.tar")
    assert again.manifest() == manifest("new")
    assert b"".join(again.read(OTHER, 0)) == b"other"
    assert again.lacks(WHEEL_BLOB)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


@pytest.mark.parametrize("content", [b"x", b"x" * 4096, b""])
def test_what_is_there_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    """A file that is no release is no destination."""
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(UsageError, match="exists, and is not a release"):
        Tarball(tmp_path / "a.tar").check_destination("DEST")
    Tarball(tmp_path / "new.tar").check_destination("DEST")


def test_a_tar_that_was_cut_off_is_named(tmp_path: Path) -> None:
    """A disk that was pulled too early gives a message, and no half release."""
    write(tmp_path / "a.tar")
    whole = (tmp_path / "a.tar").read_bytes()
    for size in (len(whole) // 2, 700):
        (tmp_path / "a.tar").write_bytes(whole[:size])
        try:
            found = Tarball(tmp_path / "a.tar").manifest()
        except PlaceError:
            continue
        assert found is None
    assert Tarball(tmp_path / "gone.tar").manifest() is None
