"""A `pylock.toml` (PEP 751) with exactly one file for each package, so that uv has no choice."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.toml_text import toml_string
from envbuild.uv.loopback import exempt_from_proxy, patience_beyond

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


def without_indexes(
    told: Mapping[str, str], environ: Mapping[str, str], patience: float
) -> dict[str, str]:
    """The variables for a uv that gets an exact list of files: it needs no indexes.

    Its timeout is that of the server of the files (seconds), and it uses no proxy for this host.
    """
    kept = {name: text for name, text in told.items() if not name.startswith("UV_INDEX")}
    return {
        **kept,
        **exempt_from_proxy(environ),
        "UV_DEFAULT_INDEX": INDEX,
        "UV_HTTP_TIMEOUT": patience_beyond(patience),
    }


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
