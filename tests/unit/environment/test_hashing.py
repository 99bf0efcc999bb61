"""Files against what is recorded of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from envbuild.environment import hashing
from envbuild.environment.hashing import Comparison
from envbuild.environment.receipt import FileEntry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=[4 << 20, 3], ids=["at once", "piece by piece"])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_AT_ONCE", request.param)


@pytest.mark.usefixtures("_pieces")
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_what_differs_and_why(tmp_path: Path, workers: int) -> None:
    """Other content is told from what cannot be read, which comes with the system's own words."""
    contents = {"same": b"same as ever", "other": b"same as ever", "longer": b"same as ever"}
    contents |= {"link": b"", "folder": b"", "gone": b"", "empty": b""}
    files = [
        FileEntry(path=path, mode=0o644, size=len(content), sha256=_sha256(content))
        for path, content in contents.items()
    ]
    (tmp_path / "same").write_bytes(b"same as ever")
    (tmp_path / "other").write_bytes(b"SAME as ever")
    (tmp_path / "longer").write_bytes(b"same as ever and more")
    (tmp_path / "link").symlink_to("same")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    with Comparison(tmp_path, files, workers) as comparison:
        found = comparison.changed()
    assert found == (
        ("folder", "Is a directory"),
        ("gone", "No such file or directory"),
        ("link", "Too many levels of symbolic links"),
        ("longer", None),
        ("other", None),
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
