"""A project `svc` as people have it in a folder: it requires `helper`, and builds itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


PROJECT = """
[project]
name = "svc"
version = "0.3"
dependencies = ["helper"]
[project.scripts]
svc = "svc:main"
[build-system]
requires = []
build-backend = "b"
backend-path = ["."]
"""

BACKEND = """
import base64, hashlib, os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    info, name = "svc-0.3.dist-info", "svc-0.3-py3-none-any.whl"
    files = {
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: svc\\nVersion: 0.3\\nRequires-Dist: helper\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "svc.py": open("svc.py").read(),
    }
    def row(path):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[path].encode()).digest())
        return f"{path},sha256={digest.decode().rstrip('=')},{len(files[path])}\\n"
    files[f"{info}/RECORD"] = "".join(map(row, files)) + f"{info}/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name
"""

LONG_AGO = 1_700_000_000
"""The files' time: no later change can leave it as it is."""


def write_project(folder: Path, **files: str) -> Path:
    """A project with these files, `__` for a dot in their names, all of them old."""
    for name, text in {
        "pyproject__toml": PROJECT,
        "svc__py": "x = 1\n",
        "b__py": BACKEND,
        **files,
    }.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder
