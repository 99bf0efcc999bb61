"""What is remembered of a folder's files, and when it may be believed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envbuild.sourcetree.stat_record import all_hold, is_settled, looks, recall, render_record

if TYPE_CHECKING:
    from pathlib import Path


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
    for content in (
        b"",
        b"\n\n",
        whole[:-1],
        whole + b"x" * 8,
        whole.replace(b"tree 1", b"tree 2"),
    ):
        record.write_bytes(content)
        assert recall(str(record), str(tmp_path)) is None
    assert recall(str(tmp_path / "none"), str(tmp_path)) is None


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
