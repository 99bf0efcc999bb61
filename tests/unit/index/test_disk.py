"""Indexes on disk: what is listed, what is opened, and where it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.disk import files_in_folder, is_on_disk, open_on_disk, page_on_disk, read_page
from envbuild.index.locations import IndexLocation
from envbuild.index.page import IndexFile

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "acme-1.0-py3-none-any.whl"


def place(folder: Path, form: str | None = None) -> IndexLocation:
    """The folder as an index."""
    return IndexLocation(name="own", folder=folder, format=form)


def test_folders_within_folders_are_listed_by_name(tmp_path: Path) -> None:
    """Wheels and source archives at any depth; links to folders, folders and other files are left out."""
    deep = tmp_path / "b c" / "d"
    deep.mkdir(parents=True)
    (deep / WHEEL).write_bytes(b"wheel")
    (tmp_path / "acme-0.9.tar.gz").write_bytes(b"")
    (tmp_path / "acme-9.0-py3-none-any.whl").mkdir()
    (tmp_path / "dangling-1.0-py3-none-any.whl").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "notes.txt").touch()
    files = list(files_in_folder(place(tmp_path), "acme"))
    assert [file.filename for file in files] == ["acme-0.9.tar.gz", WHEEL]
    assert (files[1].size, files[1].url) == (5, (deep / WHEEL).as_uri())
    with open_on_disk(place(tmp_path), "acme", files[1]) as stream:
        assert stream.read() == b"wheel"


def test_a_folder_without_end_is_given_up(tmp_path: Path) -> None:
    """Whoever names `/` gets a sentence, not an hour."""
    for number in range(11):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(IndexAnswerError, match="it holds more than 10 files") as caught:
        list(files_in_folder(place(tmp_path), "acme", most=10))
    assert caught.value.answer.fault is Fault.UNREACHABLE


@pytest.mark.parametrize(
    ("form", "package", "found"),
    [
        (None, "acme", True),
        ("simple", "acme", True),
        ("flat", "acme", False),
        (None, "other", False),
        ("simple", "other", True),
        (None, "..", False),
        ("simple", "a/../acme", False),
    ],
)
def test_a_tree_has_a_page_for_each_package(
    tmp_path: Path, form: str | None, package: str, found: bool
) -> None:
    """What may be flat is looked into where the page is missing; a name leads nowhere else."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "index.html").touch()
    (tmp_path / "index.html").touch()
    page = page_on_disk(place(tmp_path, form), package)
    assert page == (tmp_path / package / "index.html" if found else None)


def test_no_pipe_is_opened(tmp_path: Path) -> None:
    """Neither as a page nor as a file: a command would wait for ever."""
    pipe = tmp_path / WHEEL
    os.mkfifo(pipe)
    file = IndexFile(filename=WHEEL, url=pipe.as_uri())
    with pytest.raises(IndexAnswerError, match="it is not an ordinary file"):
        open_on_disk(place(tmp_path), "acme", file)
    with pytest.raises(IndexAnswerError, match="it is not an ordinary file"):
        read_page(place(tmp_path), "acme", pipe, 100)


def test_a_page_of_any_length_is_not_read(tmp_path: Path) -> None:
    """It has the bound of pages on the web."""
    page = tmp_path / "index.html"
    page.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(IndexAnswerError, match="it is larger than 1 MiB"):
        read_page(place(tmp_path), "acme", page, 1 << 20)


def test_only_an_index_on_disk_names_files_of_the_host(tmp_path: Path) -> None:
    """A page on the web that links to `file:` opens nothing here; nor does another host's name."""
    file = IndexFile(filename=WHEEL, url=(tmp_path / WHEEL).as_uri())
    assert is_on_disk(place(tmp_path), file)
    assert not is_on_disk(IndexLocation(name="own", url="https://host.example/simple"), file)
    other = IndexFile(filename=WHEEL, url=f"file://other{tmp_path}/{WHEEL}")
    with pytest.raises(IndexAnswerError, match="it is on another host"):
        open_on_disk(place(tmp_path), "acme", other)
