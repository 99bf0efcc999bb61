"""The program that starts from Python alone, as far as it needs no second Python."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from envbuild.release import start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def wheel(files: Mapping[str, str]) -> bytes:
    """A wheel with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made.getvalue()


def release(folder: Path, tools: Mapping[str, bytes], tag: str = "ring-1") -> Path:
    """A release with tools as a folder."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(content: bytes) -> str:
        (blobs / sha256(content).hexdigest()).write_bytes(content)
        return f"sha256:{sha256(content).hexdigest()}"

    layers = [
        {
            "mediaType": "application/vnd.envbuild.tool.v1+zip",
            "digest": put(content),
            "annotations": {"org.opencontainers.image.title": name},
        }
        for name, content in tools.items()
    ]
    manifest = put(json.dumps({"layers": layers}).encode())
    index = [
        {"digest": manifest, "annotations": {"org.opencontainers.image.ref.name": tag}},
        {
            "digest": manifest,
            "annotations": {"org.opencontainers.image.ref.name": f"sha256-{manifest[7:]}.sig"},
        },
    ]
    (folder / "index.json").write_text(json.dumps({"manifests": index}))
    return folder


GOOD = wheel({"a.py": "A = 1\n", "a-1.data/scripts/tool": "#!/bin/sh\n", "a-1.data/data/etc/x": ""})


@pytest.mark.parametrize("kind", ["", "dir:", "tar"])
def test_tools_are_unpacked_where_they_belong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Modules, programs and data of each wheel; what to type next comes last."""
    place = release(tmp_path / "r", {"a-1-py3-none-any.whl": GOOD})
    source = f"{kind}{place}"
    if kind == "tar":
        source = str(tmp_path / "r.tar")
        with tarfile.open(source, "w") as archive:
            archive.add(place, arcname=".", filter=_named)
    tools = tmp_path / "tools"
    assert start.main([source, str(tools)]) == 0
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert (tools / "lib" / minor / "site-packages/a.py").read_text() == "A = 1\n"
    assert (tools / "bin/tool").is_file()
    assert (tools / "etc/x").is_file()
    assert (tools / "bin/envbuild").stat().st_mode & 0o777 == 0o755
    said = capsys.readouterr().out
    kind = "tar" if kind == "tar" else "dir"
    assert f"sync --from {kind}:{tmp_path / 'r'}" in said
    assert "no signature was checked" in said


def _named(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.name = entry.name.removeprefix("./")
    return entry


def fails(*argv: str) -> str:
    """The message with which it ends."""
    with pytest.raises(SystemExit) as error:
        start.main(list(argv))
    return str(error.value)


@pytest.mark.parametrize(
    "path", ["/etc/x", "../x", "a/../../x", "a-1.data/scripts/../../x", "a\\..\\x"]
)
def test_a_wheel_gets_nowhere_else(tmp_path: Path, path: str) -> None:
    """Whoever made the disk writes into the folder for tools, and nowhere else."""
    hostile = wheel({path: ""})
    place = release(tmp_path / "r", {"a-1-py3-none-any.whl": hostile})
    assert "a tool has a file" in fails(str(place), str(tmp_path / "tools"))
    assert not (tmp_path / "x").exists()


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """No tools, a damaged blob, another Python, no place, no signature, several releases."""
    tools = str(tmp_path / "tools")
    assert "has no tools" in fails(str(release(tmp_path / "none", {})), tools)
    other = release(tmp_path / "other", {"a-1-cp37-cp37m-linux_x86_64.whl": GOOD})
    assert "for Python 3.7" in fails(str(other), tools)
    damaged = release(tmp_path / "damaged", {"a-1-py3-none-any.whl": GOOD})
    (damaged / "blobs/sha256" / sha256(GOOD).hexdigest()).write_bytes(b"x")
    assert "is damaged" in fails(str(damaged), tools)
    assert "neither a folder nor a tar" in fails(str(tmp_path / "nowhere"), tools)
    (tmp_path / "empty").mkdir()
    assert "has no index.json" in fails(str(tmp_path / "empty"), tools)
    (tmp_path / "empty/index.json").write_text("[]")
    assert "index.json is damaged" in fails(str(tmp_path / "empty"), tools)
    signed = fails(str(other), tools, "--key", "ssh-ed25519 AAAA")
    assert "has not signed this release" in signed
    index = json.loads((other / "index.json").read_text())
    twice = [
        *index["manifests"][:1],
        {**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": "b"}},
    ]
    (other / "index.json").write_text(json.dumps({"manifests": twice}))
    assert "2 releases" in fails(str(other), tools)
