"""Files against what is recorded of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from envbuild.environment.content_digest import FileEntry
from envbuild.environment.hashing import changed_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("length", [12, 5 << 20], ids=["at once", "piece by piece"])
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_what_differs_and_why(tmp_path: Path, workers: int, length: int) -> None:
    """Other content is told from what cannot be read, which comes with the system's own words."""
    ever = b"same as ever".ljust(length)
    contents = {"same": ever, "other": ever, "longer": ever}
    contents |= {"link": b"", "folder": b"", "gone": b"", "empty": b""}
    files = [
        FileEntry(path=path, mode=0o644, size=len(content), sha256=_sha256(content))
        for path, content in contents.items()
    ]
    (tmp_path / "same").write_bytes(ever)
    (tmp_path / "other").write_bytes(ever[:-1] + b"!")
    (tmp_path / "longer").write_bytes(ever + b" and more")
    (tmp_path / "link").symlink_to("same")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    begun: list[bool] = []
    found = changed_files(tmp_path, files, workers, lambda: begun.append(True))
    assert begun == [True]
    assert found == (
        ("folder", "Is a directory"),
        ("gone", "No such file or directory"),
        ("link", "Too many levels of symbolic links"),
        ("longer", None),
        ("other", None),
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
