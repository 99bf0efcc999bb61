"""envbuild.pyz: one file that starts with Python alone, packed of small wheels here."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scripts.zipapp.build import write_archive
from tests.support.plain_user import NOBODY
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}-manylinux_2_28"

TELLS = """\
import json, os, sys

import friend
print(json.dumps([sys.argv[1:], sys.executable, friend.__file__]))
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with an envbuild that says how it was started, and what it requires."""
    wheels = [
        Wheel(name="envbuild", files={"envbuild/__main__.py": TELLS}).write(tmp_path / "wheels"),
        Wheel(name="friend", files={"friend.py": ""}).write(tmp_path / "wheels"),
    ]
    write_archive(tmp_path / "envbuild.pyz", {HERE: wheels})
    (tmp_path / "home").mkdir()
    return tmp_path / "envbuild.pyz"


def start(archive: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start the archive as a new user does, with nothing on PATH."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(archive.parent / "home"), **variables}
    argv = (sys.executable, str(archive), "list", "--format", "json")
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)


def test_it_is_unpacked_once(archive: Path) -> None:
    """The first start says where envbuild is unpacked; the second starts it from there."""
    first = start(archive)
    words, executable, friend = json.loads(first.stdout)
    assert words == ["list", "--format", "json"]
    assert first.stderr.startswith("envbuild.pyz: unpacking envbuild into ")
    folder = first.stderr.split()[-1]
    assert executable == f"{folder}/bin/python"
    assert friend.startswith(f"{folder}/lib/")
    assert folder.startswith(str(archive.parent / "home/.cache/envbuild-pyz/"))
    second = start(archive)
    assert (second.stdout, second.stderr) == (first.stdout, "")
    kept = archive.parent / "home/.cache/envbuild-pyz"
    assert sorted(map(str, kept.iterdir())) == [folder, str(kept / "lock")]


def test_first_starts_at_the_same_time(archive: Path) -> None:
    """One unpacks, the others wait for it: none finds half of it, or loses it while it runs."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(archive.parent / "home")}
    argv = (sys.executable, str(archive), "list")
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(argv, env=environment, stdout=pipe, stderr=pipe, text=True)
        for _ in range(4)
    ]
    ended = [one.communicate(timeout=60) for one in started]
    assert [one.returncode for one in started] == [0] * 4, ended
    assert len({said for said, _ in ended}) == 1
    assert [bool(told) for _, told in ended].count(True) == 1


def test_what_was_deleted_is_unpacked_again(archive: Path) -> None:
    """A cache may be emptied at any time."""
    start(archive)
    shutil.rmtree(archive.parent / "home/.cache")
    assert "unpacking" in start(archive).stderr


def test_another_archive_is_unpacked_beside(archive: Path) -> None:
    """A newer envbuild.pyz in the same place is not taken for the old one."""
    start(archive)
    wheel = Wheel(name="envbuild", files={"envbuild/__main__.py": "print('newer')"})
    write_archive(archive, {HERE: [wheel.write(archive.parent)]})
    assert start(archive).stdout == "newer\n"


def test_another_python_or_machine(archive: Path) -> None:
    """What the archive is for, and what this host is."""
    write_archive(archive, {"3.99-s390x-manylinux_2_28": []})
    done = start(archive)
    assert done.returncode == 1
    assert "this envbuild.pyz is for 3.99-s390x-manylinux_2_28, and this is Python 3." in (
        done.stderr
    )


@pytest.mark.root
def test_nothing_is_unpacked_where_another_user_could_change_it(archive: Path) -> None:
    """`sudo` may keep HOME: what root starts never lies in another user's folder."""
    foreign = archive.parent / "foreign"
    foreign.mkdir()
    os.chown(foreign, NOBODY, NOBODY)
    done = start(archive, XDG_CACHE_HOME=str(foreign / "cache"))
    assert str(archive.parent / "home/.cache") in done.stdout
    assert list(foreign.iterdir()) == []
    own = archive.parent / "own"
    assert str(own) in start(archive, XDG_CACHE_HOME=str(own)).stdout
