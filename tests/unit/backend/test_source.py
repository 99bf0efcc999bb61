"""Archives of sources become trees; nothing in them writes elsewhere or without end."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from envbuild.backend import source
from envbuild.backend.source import SETUPTOOLS, SourceTree, read_build_system, unpack_archive
from envbuild.errors import HostError, IndexFailureError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def tar(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """An archive with these members."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    """A plain member."""
    return tarfile.TarInfo(name), content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member, b""


def unpacked(tmp_path: Path, archive: Path) -> Path:
    """The tree of an archive."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return unpack_archive(archive, folder, name=archive.name)


def test_a_tar_has_one_folder(tmp_path: Path) -> None:
    """Its one top folder is the tree."""
    archive = tar(tmp_path / "a-1.0.tar.gz", [file("a-1.0/setup.py"), file("a-1.0/a/b.py")])
    tree = unpacked(tmp_path, archive)
    assert tree.name == "a-1.0"
    assert (tree / "a" / "b.py").read_bytes() == b"x"


def test_a_zip_is_unpacked_too(tmp_path: Path) -> None:
    """As older sources are packed."""
    archive = tmp_path / "a-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a-1.0/setup.py", "x")
    assert (unpacked(tmp_path, archive) / "setup.py").read_text() == "x"


@pytest.mark.parametrize(
    "members",
    [
        [file("a/setup.py"), file("../out")],
        [file("a/setup.py"), link("a/link", "../../../etc/passwd")],
        [file("a/setup.py"), link("a/link", "/etc/passwd")],
        [file("a/setup.py"), file("b/setup.py")],
        [file("setup.py")],
    ],
)
def test_an_archive_that_leaves_its_folder_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    """Paths and links out of it, and anything but one folder."""
    with pytest.raises(IndexFailureError, match=r"a-1.0.tar.gz is not a source distribution"):
        unpacked(tmp_path, tar(tmp_path / "a-1.0.tar.gz", members))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/envbuild-out", "a/../../out"])
def test_a_zip_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything of it is written there."""
    archive = tmp_path / "a-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a/setup.py", "x")
        opened.writestr(name, "x")
    with pytest.raises(IndexFailureError, match="leaves the archive"):
        unpacked(tmp_path, archive)


@pytest.mark.parametrize("name", ["a-1.0.tar.gz", "a-1.0.zip"])
def test_garbage_is_refused(tmp_path: Path, name: str) -> None:
    """With one message."""
    archive = tmp_path / name
    archive.write_bytes(b"no archive at all")
    with pytest.raises(IndexFailureError, match="is not a source distribution"):
        unpacked(tmp_path, archive)


def test_an_archive_that_grows_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes and by its files."""
    monkeypatch.setattr(source, "MOST_BYTES", 1 << 20)
    large = tar(tmp_path / "a-1.0.tar.gz", [file("a/zeros", bytes(2 << 20))])
    with pytest.raises(IndexFailureError, match="it unpacks to more than"):
        unpacked(tmp_path, large)
    monkeypatch.setattr(source, "MOST_FILES", 5)
    many = tar(tmp_path / "b-1.0.tar.gz", [file(f"a/{number}") for number in range(9)])
    with pytest.raises(IndexFailureError, match="it has more than 5 files"):
        unpack_archive(many, tmp_path / "folder", name=many.name)


def test_a_tree_without_pyproject_is_setuptools(tmp_path: Path) -> None:
    """As PEP 517 has it; without setup.py it is nothing."""
    tree = SourceTree(package="a", path=tmp_path, name="a-1.0.tar.gz")
    with pytest.raises(HostError, match=r"neither pyproject.toml nor setup.py"):
        read_build_system(tree)
    (tmp_path / "setup.py").touch()
    assert read_build_system(tree) == SETUPTOOLS
    (tmp_path / "pyproject.toml").write_text("[tool.black]\n")
    assert read_build_system(tree) == SETUPTOOLS
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = ['hatchling']\n")
    assert read_build_system(tree).requires == ("hatchling",)
    assert read_build_system(tree).backend == SETUPTOOLS.backend


def test_a_backend_path_through_a_link_does_not_leave_the_tree(tmp_path: Path) -> None:
    """A link in the tree that leads out of it is followed before it is judged."""
    inner = tmp_path / "tree"
    inner.mkdir()
    (inner / "out").symlink_to(tmp_path)
    (inner / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["out"]\n'
    )
    with pytest.raises(HostError, match="leaves the source"):
        read_build_system(SourceTree(package="a", path=inner, name="../svc"))
