"""What a store remembers of releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError
from envbuild.release.record import ReleaseRecord, SeenRelease

if TYPE_CHECKING:
    from pathlib import Path


def test_the_highest_number_and_the_release_of_each_generation(tmp_path: Path) -> None:
    """Going back with leave makes a generation of an older release, and forgets no number."""
    record = ReleaseRecord(folder=tmp_path / "releases")
    assert record.newest() == 0
    assert record.of_generation(1) is None
    record.follow(SeenRelease(sequence=5, digest="sha256:a"), 1)
    record.follow(SeenRelease(sequence=4, digest="sha256:b"), 2)
    assert record.newest() == 5
    assert record.of_generation(1) == SeenRelease(sequence=5, digest="sha256:a")
    assert record.of_generation(2) == SeenRelease(sequence=4, digest="sha256:b")
    before = (tmp_path / "releases/followed.json").stat().st_ino
    record.follow(SeenRelease(sequence=4, digest="sha256:b"), 2)
    assert (tmp_path / "releases/followed.json").stat().st_ino == before


def test_what_was_published_comes_back(tmp_path: Path) -> None:
    """The next release counts on from it."""
    record = ReleaseRecord(folder=tmp_path / "releases")
    assert record.published() is None
    record.publish(b"manifest", b"release")
    assert record.published() == (b"manifest", b"release")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', "{"])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    """A host that does not know what it has had does not guess that an old release is new."""
    (tmp_path / "followed.json").write_text(text)
    with pytest.raises(HostError, match=r"followed\.json"):
        ReleaseRecord(folder=tmp_path).newest()


def test_old_releases_are_those_of_no_generation(tmp_path: Path) -> None:
    """The folders of kept generations stay, that of the newest too, and what is no release's folder."""
    record = ReleaseRecord(folder=tmp_path)
    names = {}
    for number in (1, 2, 3):
        seen = SeenRelease(sequence=number, digest=f"sha256:{number}{'a' * 63}")
        record.follow(seen, number)
        names[number] = seen.folder
        (tmp_path / seen.folder).mkdir()
    (tmp_path / "9-0123456789ab").mkdir()
    (tmp_path / "mine").mkdir()
    assert names[1] == "1-1aaaaaaaaaaa"
    found = {path.name for path in record.old_folders((1, 7))}
    assert found == {names[2], "9-0123456789ab"}
    assert ReleaseRecord(folder=tmp_path / "none").old_folders((1,)) == ()
