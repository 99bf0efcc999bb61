"""Places that are asked for locked wheels before the indexes."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from envbuild.build.sources import Sources, open_sources
from envbuild.errors import UsageError
from envbuild.lockfile.lockfile import ChosenFile

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"a wheel"
FILE = ChosenFile(
    package="app",
    version="1.0",
    index="default",
    file="app-1.0-py3-none-any.whl",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders, of which the second has the wheel."""
    made = [tmp_path / "first", tmp_path / "second"]
    for folder in made:
        folder.mkdir()
    (made[1] / FILE.file).write_bytes(CONTENT)
    return made


def opened(folders: list[Path], notes: list[str]) -> Sources:
    """The folders as sources."""
    declared = [("folder", str(folder)) for folder in folders]
    return open_sources(declared, file="settings.toml", note=notes.append)


def test_the_first_place_that_has_it(tmp_path: Path, folders: list[Path]) -> None:
    """A place that lacks a wheel, or is not there at all, is no reason for a word."""
    notes: list[str] = []
    found = opened([tmp_path / "gone", *folders], notes).fetch([FILE], tmp_path)
    assert found == {FILE.sha256: folders[1] / FILE.file}
    assert notes == []
    assert Sources().fetch([FILE], tmp_path) == {}


@pytest.mark.parametrize("damage", ["other content", "other size", "pipe", "folder"])
def test_what_is_not_as_locked_is_named_and_not_used(
    tmp_path: Path, folders: list[Path], damage: str
) -> None:
    """The next place is asked, and nothing hangs."""
    path = folders[0] / FILE.file
    if damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"A wheel" if damage == "other content" else CONTENT + b"!")
    notes: list[str] = []
    found = opened(folders, notes).fetch([FILE], tmp_path)
    assert found == {FILE.sha256: folders[1] / FILE.file}
    (note,) = notes
    assert note.startswith(f"warning: folder {folders[0]}: {FILE.file} ")
    assert "is not the locked file" in note or "cannot be read" in note


@pytest.mark.parametrize(
    ("kind", "address", "words"),
    [
        ("boat", "x", "'boat' is not a kind of source"),
        ("folder", "wheels", "'wheels' is not"),
    ],
)
def test_bad_sources(kind: str, address: str, words: str) -> None:
    """A kind that does not exist, and a path that means another folder everywhere."""
    with pytest.raises(UsageError, match=words):
        open_sources([(kind, address)], file="settings.toml", note=print)
