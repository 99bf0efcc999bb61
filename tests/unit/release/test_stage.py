"""Blobs come from the first place that gives the right ones; what is here already is not asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envbuild.release.layout import LayoutFolder, blob_name
from envbuild.release.oci import BUILT_WHEEL, WHEEL, Descriptor, descriptor_of
from envbuild.release.place import PlaceError
from envbuild.release.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.release.place import Origin

CONTENT = b"0123456789" * 100
BLOB = descriptor_of(WHEEL, CONTENT)


class Place:
    """A place that gives `content`, and breaks after some bytes if told to."""

    def __init__(self, content: bytes | None, breaks_after: int | None = None) -> None:
        self.content = content
        self.breaks_after = breaks_after
        self.asked: list[int] = []

    def manifest(self, tag: str | None = None) -> bytes | None:
        """Nothing."""
        return None

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """The content, in pieces of seven bytes."""
        self.asked.append(start)
        if self.content is None:
            raise PlaceError("it is down")
        end = len(self.content) if self.breaks_after is None else start + self.breaks_after
        for position in range(start, min(end, len(self.content)), 7):
            yield self.content[position : min(position + 7, end)]
        if self.breaks_after is not None and end < len(self.content):
            raise PlaceError("it hung up")


def stage(folder: Path, notes: list[str], *places: Place) -> Stage:
    """A stage over these places, which are called `p0`, `p1`, …"""
    named = [(f"p{number}", place) for number, place in enumerate(places)]
    return Stage(folder, named, note=notes.append)


def test_the_next_place_is_asked(tmp_path: Path) -> None:
    """A place that is down, and one with another content, cost a try; the latter is named."""
    notes: list[str] = []
    down, false, right = Place(None), Place(b"x" * len(CONTENT)), Place(CONTENT)
    made = stage(tmp_path, notes, down, false, right)
    assert made.fetch([BLOB, BLOB]) == ()
    assert made.read(BLOB) == CONTENT
    assert len(notes) == 1
    assert notes[0].startswith("warning: p1: ")
    assert "thrown away" in notes[0]
    assert made.fetch([BLOB]) == ()
    assert [len(place.asked) for place in (down, false, right)] == [1, 1, 1]


def test_what_no_place_gives_is_said_with_every_reason(tmp_path: Path) -> None:
    """Nothing that is wrong is left behind."""
    places = Place(None), Place(CONTENT + b"more"), Place(CONTENT[:5]), Place(b"y" * len(CONTENT))
    (lacking,) = stage(tmp_path, [], *places).fetch([BLOB])
    assert [reason[:4] for reason in lacking.reasons] == ["p0: ", "p1: ", "p2: ", "p3: "]
    assert "it is down" in lacking.reasons[0]
    assert not (tmp_path / BLOB.sha256).exists()


def test_a_download_goes_on_where_it_was(tmp_path: Path) -> None:
    """In the next command as well, and at another place."""
    broken, whole = Place(CONTENT, breaks_after=300), Place(CONTENT)
    assert len(stage(tmp_path, [], broken).fetch([BLOB])) == 1
    made = stage(tmp_path, [], whole)
    assert made.fetch([BLOB]) == ()
    assert whole.asked == [300]
    assert made.read(BLOB) == CONTENT
    assert made.received == len(CONTENT) - 300


def test_a_false_beginning_is_thrown_away(tmp_path: Path) -> None:
    """A part from a hostile place costs one try, and then the blob comes as a whole."""
    evil, right = Place(b"z" * len(CONTENT), breaks_after=50), Place(CONTENT)
    assert len(stage(tmp_path, [], evil).fetch([BLOB])) == 1
    assert stage(tmp_path, [], right, right).fetch([BLOB]) == ()
    assert right.asked == [56, 0] or right.asked == [50, 0]


def test_what_was_changed_here_is_not_read(tmp_path: Path) -> None:
    """Staged bytes are hashed again when they are used."""
    made = stage(tmp_path, [], Place(CONTENT))
    made.fetch([BLOB])
    (tmp_path / BLOB.sha256).write_bytes(b"x" * len(CONTENT))
    assert made.read(BLOB) is None
    made.keep("name", b"small")
    made.forget_others(("name",))
    assert made.find(BLOB) is None
    assert made.recall("name") == b"small"
    assert made.recall(BLOB.sha256) is None


def folder_with(path: Path, *contents: bytes) -> LayoutFolder:
    """A folder with blobs, under their names."""
    (path / "blobs/sha256").mkdir(parents=True)
    for content in contents:
        (path / blob_name(descriptor_of(WHEEL, content))).write_bytes(content)
    return LayoutFolder(path=path)


def test_what_is_used_at_once_stays_in_its_folder(tmp_path: Path) -> None:
    """Wheels and bytecode of a folder are compared where they lie; anything else is copied before it is compared."""
    built = descriptor_of(BUILT_WHEEL, b"built")
    origin = folder_with(tmp_path / "there", CONTENT, b"built")
    made = Stage(tmp_path / "stage", [("there", origin)], note=lambda _: None)
    assert made.fetch([BLOB, built], in_place=True) == ()
    assert made.find(BLOB) == tmp_path / "there" / blob_name(BLOB)
    assert made.find(built) == tmp_path / "stage" / built.sha256
    assert made.read(BLOB) == CONTENT
    assert made.has_compared(BLOB)
    assert not (tmp_path / "stage" / BLOB.sha256).exists()
    (tmp_path / "there" / blob_name(BLOB)).write_bytes(b"X" * len(CONTENT))
    assert made.read(BLOB) is None


def test_a_folder_with_another_content_is_passed_over(tmp_path: Path) -> None:
    """It is named, and the next place is asked; its file stays, as it is not ours."""
    notes: list[str] = []
    wrong = folder_with(tmp_path / "wrong", CONTENT)
    file = tmp_path / "wrong" / blob_name(BLOB)
    for content in (b"y" * len(CONTENT), CONTENT[:5], CONTENT + b"more"):
        file.write_bytes(content)
        places: list[tuple[str, Origin]] = [("wrong", wrong), ("right", Place(CONTENT))]
        made = Stage(tmp_path / str(len(content) + content[0]), places, note=notes.append)
        assert made.fetch([BLOB], in_place=True) == ()
        assert made.read(BLOB) == CONTENT
        assert file.read_bytes() == content
    assert len(notes) == 2  # what is cut off is said if no place has the whole
    assert "passed over" in notes[0]


def test_a_pipe_in_a_folder_hangs_nobody(tmp_path: Path) -> None:
    """A folder that others write may have one in place of a blob, or of its index."""
    origin = folder_with(tmp_path / "there")
    for name in (blob_name(BLOB), "index.json"):
        os.mkfifo(tmp_path / "there" / name)
    for in_place in (False, True):
        made = Stage(tmp_path / "stage", [("there", origin)], note=lambda _: None)
        (lacking,) = made.fetch([BLOB], in_place=in_place)
        assert "not an ordinary file" in lacking.reasons[0]
    with pytest.raises(PlaceError, match="not an ordinary file"):
        origin.manifest()
