"""What is in an image, path by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.environment.survey import scan_contents
from envbuild.image.members import (
    REST,
    Member,
    environment_folders,
    environment_parts,
    with_folders,
)
from envbuild.image.paths import FOLDER, ImagePaths

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.12/site-packages"


@pytest.fixture
def environment(scratch: Path) -> Path:
    """Two packages with bytecode, a script, and files of no package."""
    files = {
        f"{SITE}/a/__init__.py": "",
        f"{SITE}/a/__pycache__/__init__.cpython-312.pyc": "",
        f"{SITE}/a/__pycache__/odd.pyc": "",
        f"{SITE}/A_b-1.0.dist-info/RECORD": "a/__init__.py,,\n../../../bin/a,,\nA_b-1.0.dist-info/RECORD,,\n",
        f"{SITE}/c.py": "",
        f"{SITE}/c-2.dist-info/RECORD": "c.py,,\na/__init__.py,,\n",
        "bin/a": "",
        "bin/driver": "",
        "pyvenv.cfg": "",
    }
    root = scratch / "env"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "lib64").symlink_to("lib")
    return root


def test_each_file_belongs_to_its_package(environment: Path) -> None:
    """By RECORD, bytecode with its module, links and what the builder has made to none."""
    parts = environment_parts(environment, scan_contents(environment))
    start = len(str(environment))
    found = {name: [one.path[start:] for one in members] for name, members in parts.items()}
    assert found == {
        "a-b": [
            "bin/a",
            f"{SITE}/A_b-1.0.dist-info/RECORD",
            f"{SITE}/a/__init__.py",
            f"{SITE}/a/__pycache__/__init__.cpython-312.pyc",
        ],
        "c": [f"{SITE}/c.py"],
        REST: [
            "bin/driver",
            f"{SITE}/a/__pycache__/odd.pyc",
            f"{SITE}/c-2.dist-info/RECORD",
            "pyvenv.cfg",
            "lib64",
        ],
    }


def test_folders_come_before_what_is_in_them(environment: Path) -> None:
    """Each layer has the folders above its files, with their recorded modes; those of the base stay as they are."""
    contents = scan_contents(environment)
    folders = environment_folders(environment, contents)
    root = str(environment).lstrip("/")
    base = ImagePaths()
    base.add(root.rpartition("/")[0], FOLDER)
    member = Member(path=f"{root}/{SITE}/c.py", mode=0o444, source="/x")
    found = [(one.path, one.is_folder) for one in with_folders((member,), folders, base)]
    assert found == [
        (root, True),
        (f"{root}/lib", True),
        (f"{root}/lib/python3.12", True),
        (f"{root}/{SITE}", True),
        (member.path, False),
    ]
    above = with_folders((member,), folders, ImagePaths())
    assert above[0] == Member(path=root.partition("/")[0], mode=0o755)
