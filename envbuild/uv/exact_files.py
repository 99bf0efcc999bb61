"""What uv is given to install: a `pylock.toml` (PEP 751) with one file a package, so that uv has no choice."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.posix.files import write_atomically
from envbuild.toml_text import toml_string

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
