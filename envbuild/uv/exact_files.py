"""What uv is given to install.

A `pylock.toml` (PEP 751) has exactly one file for each package, so that uv has no choice.
If that fails, a small wheel that every host can install shows whether the host or the files are to blame.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.posix.files import write_atomically
from envbuild.toml_text import toml_string
from envbuild.wheelcache.record import record_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile

INDEX = "https://locked.invalid/simple"
"""The index of every wheel in uv's cache, independent of its real index; the host does not exist."""

NOWHERE = "https://locked.invalid/files"
"""An address with no files: uv must find them in its cache."""

ARGUMENTS = ("--preview-features", "pylock")
"""The options that uv 0.13 needs to read such a file."""


def render_wheels(files: Iterable[ChosenFile], address: str, local: Mapping[str, Path]) -> str:
    """The text of a `pylock.toml` that names wheels: by their paths those in `local`, the others below an address."""
    head = 'lock-version = "1.0"\ncreated-by = "envbuild"\n'
    return head + "".join(_package(file, _url(file, address, local)) for file in files)


def _url(file: ChosenFile, address: str, local: Mapping[str, Path]) -> str:
    path = local.get(file.sha256)
    if path is not None:
        return path.as_uri()
    return f"{address}/{quote(file.package)}/{quote(file.file)}"


def _package(file: ChosenFile, url: str) -> str:
    wheel = f"name = {toml_string(file.file)}, url = {toml_string(url)}, size = {file.size}"
    return (
        f"\n[[packages]]\nname = {toml_string(file.package)}\nversion = {toml_string(file.version)}\n"
        f"index = {toml_string(INDEX)}\n"
        f"wheels = [{{ {wheel}, hashes = {{ sha256 = {toml_string(file.sha256)} }} }}]\n"
    )


_TIMES = "uv_cache.json"


def forget_paths(site_packages: Path) -> None:
    """Remove what uv adds to wheels that it was given by a path: a file with a time, and its line in RECORD.

    The same wheel from an index has none, and both must have the same content.
    """
    for added in site_packages.glob(f"*.dist-info/{_TIMES}"):
        record = added.parent / "RECORD"
        line = f"{added.parent.name}/{_TIMES},".encode()
        lines = record.read_bytes().splitlines(keepends=True)
        mode = record.stat().st_mode & 0o7777
        kept = b"".join(one for one in lines if not one.startswith(line))
        write_atomically(
            record, kept, mode=mode, sync=False
        )  # the old one may be a link into uv's cache
        added.unlink()


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
