"""The wheels that tests are built on are what installers take for real ones."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

from uv import find_uv_bin

from tests.support.wheels import Sdist, Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

FULL = Wheel(
    name="My.Pkg",
    version="1.2",
    requires=("a>=1", "b; extra == 'fast'"),
    extras=("slow",),
    requires_python=">=3.11",
    files={"my_pkg/__init__.py": "x = 1\n", "my_pkg/data.bin": b"\x00\xff", "a,b.txt": "comma"},
    commands={"my-pkg": "my_pkg:main"},
    scripts={"tool": "#!python\nprint('tool')\n"},
    data={"data/share/note.txt": "note\n"},
    tag="cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64",
    build="1",
)


def read(wheel: Wheel) -> dict[str, bytes]:
    """Member → content."""
    with zipfile.ZipFile(io.BytesIO(wheel.to_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_same_value_gives_same_bytes() -> None:
    """Hashes in scenarios and golden files hold from run to run."""
    assert FULL.to_bytes() == FULL.to_bytes()
    assert FULL.sha256 == hashlib.sha256(FULL.to_bytes()).hexdigest()


def test_filename_follows_the_specification() -> None:
    """The name is escaped, and the build tag and compressed tags stand where they belong."""
    assert FULL.filename == (
        "my_pkg-1.2-1-cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"
    )


def test_metadata_says_everything() -> None:
    """Requirements, extras (named and seen in markers) and the Python range are in METADATA."""
    assert FULL.metadata().decode().splitlines() == [
        "Metadata-Version: 2.1",
        "Name: My.Pkg",
        "Version: 1.2",
        "Requires-Python: >=3.11",
        "Requires-Dist: a>=1",
        "Requires-Dist: b; extra == 'fast'",
        "Provides-Extra: slow",
        "Provides-Extra: fast",
    ]


def test_every_tag_is_expanded() -> None:
    """WHEEL holds one Tag line for each combination, and the build tag."""
    lines = read(FULL)["my_pkg-1.2.dist-info/WHEEL"].decode().splitlines()
    assert "Build: 1" in lines
    assert "Root-Is-Purelib: false" in lines
    assert [line for line in lines if line.startswith("Tag:")] == [
        "Tag: cp312-cp312-manylinux_2_28_x86_64",
        "Tag: cp312-cp312-manylinux2014_x86_64",
    ]


def test_record_is_complete_and_true() -> None:
    """RECORD names every member with its digest and size, odd names quoted."""
    members = read(FULL)
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(record(members)))}
    assert rows.keys() == members.keys()
    assert rows.pop("my_pkg-1.2.dist-info/RECORD") == ["", ""]
    for name, (digest, size) in rows.items():
        raw = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest())
        assert digest == f"sha256={raw.rstrip(b'=').decode()}"
        assert int(size) == len(members[name])


def record(members: dict[str, bytes]) -> str:
    """The text of RECORD."""
    return members["my_pkg-1.2.dist-info/RECORD"].decode()


def test_untrue_record_is_to_be_had() -> None:
    """A test can have a wheel whose RECORD lies."""
    honest, lying = (read(Wheel(name="x", record=truth)) for truth in (True, False))
    assert honest["x-1.0.dist-info/RECORD"] != lying["x-1.0.dist-info/RECORD"]


def test_uv_installs_wheel_and_source_distribution(scratch: Path, python: Path) -> None:
    """A real installer takes both kinds, asks no index, and the commands run."""
    told = scratch / "told"
    wheel = command_wheel("tool", "1.5").write(scratch)
    sdist = Sdist(wheel=command_wheel("built", "2.5"), tells=told).write(scratch)
    uv = (find_uv_bin(), "--no-config", "--quiet", "--cache-dir", scratch / "cache")
    subprocess.run((*uv, "venv", "--python", python, scratch / "v"), check=True)
    install = ("pip", "install", "--python", scratch / "v", "--no-index", wheel, sdist)
    subprocess.run((*uv, *install), check=True)
    for command, said in (("tool", "tool 1.5\n"), ("built", "built 2.5\n")):
        argv = (scratch / "v" / "bin" / command, "--version")
        assert subprocess.run(argv, capture_output=True, text=True).stdout == said
    assert told.exists()


def test_source_distribution_unpacks(tmp_path: Path) -> None:
    """The archive has the one top folder that PEP 625 asks for, and the same bytes each time."""
    sdist = Sdist(wheel=Wheel(name="Some-Thing", version="3"))
    assert sdist.to_bytes() == sdist.to_bytes()
    with tarfile.open(sdist.write(tmp_path)) as archive:
        names = archive.getnames()
    assert sdist.filename == "some_thing-3.tar.gz"
    assert {name.split("/")[0] for name in names} == {"some_thing-3"}


def test_command_tells_its_circumstances(tmp_path: Path) -> None:
    """Tests of the activation read arguments and environment from a driver's own mouth."""
    (tmp_path / "w").mkdir()
    with zipfile.ZipFile(command_wheel("tool").write(tmp_path)) as archive:
        archive.extractall(tmp_path / "w")
    code = "import sys; sys.argv[1:] = ['a', 'b']; from tool.cli import main; main()"
    argv = (sys.executable, "-c", code)
    env = {"PYTHONPATH": str(tmp_path / "w"), "SEEN": "yes"}
    said = subprocess.run(argv, env=env, capture_output=True, text=True).stdout
    assert '"argv": ["a", "b"]' in said
    assert '"SEEN": "yes"' in said
