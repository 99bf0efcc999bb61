"""A folder with a Python as uv downloads it, and uv's list of it."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


_LEFT_OUT = re.compile(
    r"/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|site-packages|dist-packages|__pycache__"
    r"|config-[^/]*)(/|$)|\.a$"
)

_PLACE = "https://github.com/astral-sh/python-build-standalone/releases/download"
"""The place of uv's releases, which a mirror stands for; nothing is asked there."""


def make_mirror(python: Path, folder: Path) -> Path:
    """Pack an interpreter of this machine with its library below `folder`; returns the list's path."""
    ask = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3], sysconfig.get_path('stdlib'))"
    done = subprocess.run((python, "-I", "-c", ask), capture_output=True, text=True, check=True)
    version, library = done.stdout.split()
    major, minor, patch = version.split(".")
    arch = platform.machine()
    name = f"cpython-{version}+20991231-{arch}-unknown-linux-gnu-install_only.tar.gz"
    release = folder / "20991231"
    release.mkdir(parents=True)
    short = f"python{major}.{minor}"
    with tarfile.open(release / name, "w:gz", compresslevel=1) as archive:
        archive.add(python, f"python/bin/{short}")
        archive.add(library, f"python/lib/{short}", filter=_kept)
        for link in ("python3", "python"):
            entry = tarfile.TarInfo(f"python/bin/{link}")
            entry.type, entry.linkname = tarfile.SYMTYPE, short
            archive.addfile(entry)
    listed = {
        "name": "cpython",
        "arch": {"family": arch, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": int(major),
        "minor": int(minor),
        "patch": int(patch),
        "prerelease": "",
        "url": f"{_PLACE}/20991231/{name.replace('+', '%2B')}",
        "sha256": hashlib.sha256((release / name).read_bytes()).hexdigest(),
        "variant": None,
        "build": "20991231",
    }
    listing = folder / "list.json"
    listing.write_text(json.dumps({f"cpython-{version}-linux-{arch}-gnu": listed}))
    return listing


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT.search(entry.name) else entry


@pytest.fixture
def mirror(python: Path, scratch: Path) -> dict[str, str | None]:
    """The variables that lead to a mirror on this host, with the Python that runs the tests."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        pytest.skip("NOT TESTED: the mirror is for Linux with glibc")
    listing = make_mirror(python, scratch / "mirror")
    return {"ENVBUILD_PYTHON_MIRROR": str(listing.parent), "ENVBUILD_PYTHON_LIST": str(listing)}
