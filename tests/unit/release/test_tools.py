"""envbuild, uv and what both need, packed as wheels."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from envbuild.release.oci import START, TITLE, TOOL
from envbuild.release.tools import START_NAME, start_script, tool_layers

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.release.uploading import PackedLayer


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[PackedLayer, ...]:
    """The layers of this installation's tools."""
    return tool_layers(tmp_path_factory.mktemp("tools"))


def archive_of(layers: tuple[PackedLayer, ...], start: str) -> zipfile.ZipFile:
    """The wheel whose name begins so."""
    (found,) = [one for one in layers if one.blob.annotation(TITLE).startswith(start)]
    with found.opened() as stream:
        return zipfile.ZipFile(io.BytesIO(stream.read()))


def test_what_envbuild_needs_is_there(layers: tuple[PackedLayer, ...]) -> None:
    """envbuild itself, uv, what is required with extras, and the program that unpacks them."""
    names = [one.blob.annotation(TITLE).partition("-")[0] for one in layers]
    assert {"envbuild", "uv", "packaging", "pyyaml", "urllib3", "pysocks"} <= set(names)
    assert len(set(names)) == len(names)
    assert [one.blob.media_type for one in layers] == [TOOL] * (len(layers) - 1) + [START]
    assert layers[-1].blob.annotation(TITLE) == START_NAME
    with layers[-1].opened() as stream:
        assert stream.read() == start_script()


def test_the_wheels_are_wheels(layers: tuple[PackedLayer, ...]) -> None:
    """Each with a RECORD of every file, its tags in its name, and nothing that an installer has made."""
    for name in ("envbuild-", "uv-", "packaging-"):
        with archive_of(layers, name) as archive:
            names = archive.namelist()
            (record,) = [path for path in names if path.endswith(".dist-info/RECORD")]
            rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
            assert sorted(path for path, _, _ in rows) == sorted(names)
            made = ("INSTALLER", "direct_url.json", ".pyc", ".pth")
            assert not [path for path in names if path.endswith(made) or path.startswith("..")]
    with archive_of(layers, "uv-") as archive:
        programs = [one for one in archive.infolist() if one.filename.endswith("/scripts/uv")]
        assert [one.external_attr >> 16 & 0o777 for one in programs] == [0o755]
    with archive_of(layers, "envbuild-") as archive:
        assert {"envbuild/cli/__init__.py", "envbuild/release/start.py"} <= set(archive.namelist())
        assert "envbuild/release.schema.json" in archive.namelist()


def test_tools_are_packed_once(tmp_path: Path) -> None:
    """A second publish takes what the first one packed; packed anew it is the same, and old ones go."""
    first = tool_layers(tmp_path)
    old = tmp_path / "old.whl"
    old.touch()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path != old}
    assert [one.blob for one in tool_layers(tmp_path)] == [one.blob for one in first]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    for path in tmp_path.iterdir():
        if os.stat(path).st_size < 1 << 20:  # noqa: PTH116
            path.unlink()
    assert [one.blob for one in tool_layers(tmp_path)] == [one.blob for one in first]
    for one in first[:3]:
        with one.opened() as stream:
            assert sha256(stream.read()).hexdigest() == one.blob.sha256
