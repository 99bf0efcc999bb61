"""Pythons of a release, unpacked."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.python_layers import unpack_python
from envbuild.errors import IndexFailureError
from envbuild.release.compression import compress

if TYPE_CHECKING:
    from pathlib import Path

NAME = "cpython-3.12.1-linux-x86_64-gnu"


def layer(path: Path, *entries: tuple[str, bytes, str]) -> Path:
    """A compressed tar of entries: name, kind, and content or target."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o755
            if kind == tarfile.REGTYPE:
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
            else:
                entry.linkname = text
                archive.addfile(entry)
    path.write_bytes(compress(made.getvalue()))
    return path


def test_a_python_is_unpacked(tmp_path: Path) -> None:
    """Files, folders, and links within it."""
    made = layer(
        tmp_path / "layer",
        (f"{NAME}/bin/python3", tarfile.SYMTYPE, "python3.12"),
        (f"{NAME}/bin/python3.12", tarfile.REGTYPE, "x"),
        (f"{NAME}/empty", tarfile.DIRTYPE, ""),
    )
    (tmp_path / "pythons").mkdir()
    unpack_python(made, tmp_path / "pythons" / NAME)
    assert (tmp_path / "pythons" / NAME / "bin/python3").read_text() == "x"
    assert (tmp_path / "pythons" / NAME / "empty").is_dir()


@pytest.mark.parametrize(
    "entries",
    [
        ((f"{NAME}/../x", tarfile.REGTYPE, ""),),
        (("/x", tarfile.REGTYPE, ""),),
        (("other/x", tarfile.REGTYPE, ""),),
        ((f"{NAME}/x", tarfile.SYMTYPE, "/etc/passwd"),),
        ((f"{NAME}/x", tarfile.SYMTYPE, "../../x"),),
        ((f"{NAME}/x", tarfile.LNKTYPE, f"{NAME}/y"),),
        ((f"{NAME}/x", tarfile.FIFOTYPE, ""),),
        ((f"{NAME}/x", tarfile.CHRTYPE, ""),),
        ((f"{NAME}/x", tarfile.REGTYPE, "1"), (f"{NAME}/x", tarfile.REGTYPE, "2")),
        ((f"{NAME}/x", tarfile.REGTYPE, "1"), (f"{NAME}/x/y", tarfile.REGTYPE, "2")),
        ((f"{NAME}/x", tarfile.SYMTYPE, "."), (f"{NAME}/x/y", tarfile.REGTYPE, "2")),
    ],
    ids=lambda entries: " ".join(
        f"{name[-8:]}{kind.decode()}{text}" for name, kind, text in entries
    ),
)
def test_nothing_gets_out_of_its_folder(
    tmp_path: Path, entries: tuple[tuple[str, bytes, str], ...]
) -> None:
    """Paths and links out, special files, and what would be written twice."""
    made = layer(tmp_path / "layer", *entries)
    (tmp_path / "pythons").mkdir()
    with pytest.raises(IndexFailureError, match=f"Python {NAME} cannot be used"):
        unpack_python(made, tmp_path / "pythons" / NAME)
    assert [path.name for path in (tmp_path / "pythons").iterdir()] in ([], [NAME])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", [b"", b"no zstd", compress(b"no tar" * 200)])
def test_a_damaged_layer_is_named(tmp_path: Path, content: bytes) -> None:
    """It is not what a Python is packed as."""
    (tmp_path / "layer").write_bytes(content)
    (tmp_path / "pythons").mkdir()
    with pytest.raises(IndexFailureError, match="cannot be used"):
        unpack_python(tmp_path / "layer", tmp_path / "pythons" / NAME)
