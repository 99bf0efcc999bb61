"""A simple wheel that shows whether a host can install wheels at all, after another one failed."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from envbuild.wheelcache.record import record_digest

if TYPE_CHECKING:
    from pathlib import Path

_INFO = "envbuild_proof-1.0.dist-info"
_FILES = {
    "envbuild_proof.txt": b"installed\n",
    f"{_INFO}/METADATA": b"Metadata-Version: 2.1\nName: envbuild-proof\nVersion: 1.0\n",
    f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: envbuild\n"
    b"Root-Is-Purelib: true\nTag: py3-none-any\n",
}


def write_proof(folder: Path) -> Path:
    """Write a wheel that every host can install; returns its path."""
    path = folder / "envbuild_proof-1.0-py3-none-any.whl"
    lines = [f"{name},{record_digest(text)},{len(text)}" for name, text in _FILES.items()]
    record = "\n".join((*lines, f"{_INFO}/RECORD,,", ""))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _FILES.items():
            archive.writestr(name, content)
        archive.writestr(f"{_INFO}/RECORD", record)
    return path
