"""The digest of a source's files, and what ends its reading."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.errors import UsageError
from envbuild.sourcetree import listing
from envbuild.sourcetree.snapshot import read_tree

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, **more: Any) -> str:
    """The digest of all files at the top of a folder."""
    names = [path.name for path in folder.iterdir()]
    return read_tree(str(folder), names, shown="svc", **more).sha256


def test_names_modes_links_and_contents_count(tmp_path: Path) -> None:
    """And nothing else: not the order, not the times, not where the folder lies."""
    seen = set()
    folder = tmp_path / "svc"
    folder.mkdir()
    (folder / "a").write_text("x")
    seen.add(read(folder))
    (folder / "a").chmod(0o755)
    seen.add(read(folder))
    (folder / "a").rename(folder / "b")
    seen.add(read(folder))
    (folder / "b").write_text("y")
    seen.add(read(folder))
    (folder / "c").symlink_to("b")
    seen.add(read(folder))
    assert len(seen) == 5
    assert read(folder.rename(tmp_path / "other")) in seen


def test_the_copy_has_exactly_what_was_read(tmp_path: Path) -> None:
    """With its modes, and with files that are not in the folder."""
    folder, copy = tmp_path / "svc", tmp_path / "copy"
    folder.mkdir()
    copy.mkdir()
    (folder / "run").write_text("x")
    (folder / "run").chmod(0o700)
    (folder / "link").symlink_to("run")
    digest = read(folder, copy=copy, more={"added": b"z"})
    assert (copy / "run").stat().st_mode & 0o777 == 0o755
    assert (copy / "link").readlink().name == "run"
    assert (copy / "added").read_bytes() == b"z"
    assert read(copy) == digest


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """What was copied might be half of each, so nothing of it is used."""
    folder, copy = tmp_path / "svc", tmp_path / "copy"
    folder.mkdir()
    copy.mkdir()
    (folder / "a").write_bytes(bytes(3 << 20))
    os.mkfifo(copy / "a")  # the copy waits in it for whoever reads

    def meddle() -> None:
        with (copy / "a").open("rb") as arrived:
            arrived.read(1)
            with (folder / "a").open("ab") as stream:
                stream.write(b"y")
            arrived.read()

    thread = Thread(target=meddle, daemon=True)
    thread.start()
    with pytest.raises(UsageError, match="was changed while it was read: 'a'"):
        read(folder, copy=copy)
    thread.join(30)


def test_a_source_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many bytes, too many files: one message, before they are all read."""
    (tmp_path / "a").write_text("x" * 100)
    (tmp_path / "b").write_text("x")
    monkeypatch.setattr(listing, "MOST_BYTES", 99)
    with pytest.raises(UsageError, match="has more than"):
        read(tmp_path)
    monkeypatch.setattr(listing, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(listing, "MOST_FILES", 1)
    with pytest.raises(UsageError, match="has more than 1 files"):
        read(tmp_path)
