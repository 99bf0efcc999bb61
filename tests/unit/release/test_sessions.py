"""Uploads that have begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.release.sessions import UploadSessions

if TYPE_CHECKING:
    from pathlib import Path


def test_a_later_command_knows_where_to_go_on(tmp_path: Path) -> None:
    """What was begun is remembered, the newest fifty, in a file for its owner alone; what has ended is not."""
    path = tmp_path / "uploads.json"
    sessions = UploadSessions(path)
    for number in range(60):
        sessions.keep(f"blob {number}", f"https://r.example/{number}")
    again = UploadSessions(path)
    assert again.find("blob 59") == "https://r.example/59"
    assert again.find("blob 10") == "https://r.example/10"
    assert again.find("blob 9") is None
    again.keep("blob 10", "https://r.example/new")
    assert again.find("blob 10") == "https://r.example/new"
    again.forget("blob 59")
    assert UploadSessions(path).find("blob 59") is None
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_file_costs_bytes_alone(tmp_path: Path, content: bytes) -> None:
    """Nothing is known then, and what begins is remembered."""
    path = tmp_path / "uploads.json"
    path.write_bytes(content)
    sessions = UploadSessions(path)
    assert sessions.find("a") is None
    sessions.keep("a", "b")
    assert sessions.find("a") == "b"
    UploadSessions(tmp_path / "no" / "folder").keep("a", "b")
