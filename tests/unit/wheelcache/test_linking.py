"""Where linked files go: folders are made as they are needed, by several processes at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envbuild.wheelcache.linking import SitePackages


@pytest.mark.parametrize(
    "path", ["module.py", "pkg/module.py", "a/b/c/d/module.py", "../bin/command", "a/ü\udcff/m.py"]
)
def test_folders_are_made(tmp_path: Path, path: str) -> None:
    """Whatever is missing above a file, inside the folder of packages or beside it."""
    site = tmp_path / "lib"
    site.mkdir()
    target = SitePackages(site)
    for _ in range(2):  # they are there the second time
        place = target.place(path)
        assert place is not None
        folder = Path(os.fsdecode(place)).parent
        assert folder.is_dir()
        assert folder.samefile((site / path).parent)


@pytest.mark.parametrize("path", ["a/module.py", "a/b/c/module.py"])
def test_another_process_may_make_the_same_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A folder that comes between two looks is as good as one of our own."""
    made = os.mkdir

    def mkdir(folder: bytes, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        try:
            made(folder, mode, dir_fd=dir_fd)
        except FileNotFoundError:
            for parent in reversed((tmp_path / path).relative_to(tmp_path).parents[:-1]):
                made(tmp_path / parent)
            raise

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert SitePackages(tmp_path).place(path) == os.fsencode(tmp_path / path)


@pytest.mark.parametrize("path", ["file/module.py", "file/below/module.py"])
def test_a_file_in_a_folders_place_is_left_alone(tmp_path: Path, path: str) -> None:
    """None says that something stands there already."""
    (tmp_path / "file").write_text("here first")
    assert SitePackages(tmp_path).place(path) is None
    assert (tmp_path / "file").read_text() == "here first"


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """Nothing is made where the environment was taken away meanwhile."""
    site = tmp_path / "lib"
    site.mkdir()
    target = SitePackages(site)
    with target.opened() as descriptor:
        site.rmdir()
        with pytest.raises(FileNotFoundError):
            target.place_below(b"a/b/module.py", descriptor)
