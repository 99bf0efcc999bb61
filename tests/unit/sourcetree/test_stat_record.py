"""What is remembered of a folder's files, and when it may be believed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from envbuild.sourcetree.stat_record import all_hold, is_settled, looks, recall, render_record


def test_a_folder_that_looks_the_same_is_known(tmp_path: Path) -> None:
    """Until one of its files has another size, time, number or mode, or is gone."""
    names = ("a", "b")
    for name in names:
        (tmp_path / name).write_text("x")
    record = tmp_path / "record"
    record.write_bytes(render_record("d" * 64, names, looks(str(tmp_path), names)))
    assert recall(str(record), str(tmp_path)) == "d" * 64
    (tmp_path / "a").chmod(0o700)
    assert recall(str(record), str(tmp_path)) is None
    record.write_bytes(render_record("d" * 64, names, looks(str(tmp_path), names)))
    (tmp_path / "b").unlink()
    assert recall(str(record), str(tmp_path)) is None


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    """Whatever its bytes are: it is computed anew."""
    (tmp_path / "a").write_text("x")
    whole = render_record("d" * 64, ("a",), looks(str(tmp_path), ("a",)))
    record = tmp_path / "record"
    record.write_bytes(whole)
    assert all_hold([("d" * 64, str(record), str(tmp_path))], 1)
    for content in (
        b"",
        b"\n\n",
        whole[:-1],
        whole + b"x" * 8,
        whole.replace(b"tree 2", b"tree 1"),
        whole.replace(b" 2\n", b" 1\n"),
    ):
        record.write_bytes(content)
        assert recall(str(record), str(tmp_path)) is None
        assert not all_hold([("d" * 64, str(record), str(tmp_path))], 1)
    assert recall(str(tmp_path / "none"), str(tmp_path)) is None


def test_files_of_any_folder_are_compared(tmp_path: Path) -> None:
    """At the top, inside, elsewhere, folders themselves, and more of one folder than are compared at once."""
    top = tmp_path / "top"
    (top / "in/side").mkdir(parents=True)
    names = ("a", "in/b", *(f"in/side/{number}" for number in range(1100)), "c")
    for name in names:
        (top / name).write_text("x")
    other = tmp_path / "index"
    other.write_text("x")
    watched = (str(other), ".", "in", "in/side", *names)
    record = tmp_path / "record"
    tree = ("d" * 64, str(record), str(top))
    here = Path.cwd()

    def remember() -> None:
        record.write_bytes(render_record("d" * 64, watched, looks(str(top), watched)))
        assert all_hold([tree], 1)
        assert recall(*tree[1:]) == "d" * 64

    for path in (other, *(top / name for name in watched[4:5] + watched[-2:] + names[600:601])):
        remember()
        path.write_text("changed")
        assert not all_hold([tree], 1)
        assert recall(*tree[1:]) is None
    for folder in (top, top / "in", top / "in/side"):
        remember()
        (folder / "new").touch()
        assert not all_hold([tree], 2)
        assert recall(*tree[1:]) is None
    assert Path.cwd() == here


def test_a_number_that_no_record_can_have(tmp_path: Path) -> None:
    """Some file systems number files with 64 bits; the caller then has no record."""
    (tmp_path / "a").touch()
    found = looks(str(tmp_path), ("a",))
    found[3] = 1 << 63
    with pytest.raises(OverflowError):
        render_record("d" * 64, ("a",), found)


def test_many_folders_are_looked_at_together(tmp_path: Path) -> None:
    """By several processes: one changed file in one of them is enough."""
    trees = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        names = tuple(f"f{index}" for index in range(2500))
        for name in names:
            (folder / name).touch()
        record = tmp_path / f"record{number}"
        digest = str(number) * 64
        record.write_bytes(render_record(digest, names, looks(str(folder), names)))
        trees.append((digest, str(record), str(folder)))
    for workers in (1, 2):
        assert all_hold(trees, workers)
        assert not all_hold([("9" * 64, *trees[0][1:]), *trees[1:]], workers)
    (tmp_path / "2/f2499").write_text("x")
    assert not all_hold(trees, 1)
    assert not all_hold(trees, 2)
    (tmp_path / "1/f0").unlink()
    assert not all_hold(trees, 2)


def test_young_files_are_not_settled(tmp_path: Path) -> None:
    """A change within the same tick of the file system's clock would leave the times as they are."""
    path = tmp_path / "a"
    path.write_text("x")
    assert not is_settled(looks(str(tmp_path), ("a",)))
    os.utime(path, ns=(0, time.time_ns() - 10**12))
    young = looks(str(tmp_path), ("a",))
    assert not is_settled(young)  # its ctime is of now
    young[2] -= 10**12
    assert is_settled(young)
