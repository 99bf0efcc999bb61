"""The files that a package table of uv's answer (PEP 751) lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.resolution.resolution import ListedFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def listed_files(package: Mapping[str, object]) -> Iterator[ListedFile]:
    """Every file in a package table, each name once."""
    wheels, sdist = package.get("wheels", []), package.get("sdist")
    files = [*wheels] if isinstance(wheels, list) else []
    found: dict[str, tuple[str, dict[tuple[tuple[str, str], ...], None]]] = {}
    for file in [*files, *([sdist] if isinstance(sdist, dict) else [])]:
        url = str(file.get("url") or Path(str(file["path"])).absolute().as_uri())
        name = str(file.get("name") or unquote(urlsplit(url).path.rpartition("/")[2]))
        hashes = tuple(sorted((str(k), str(v)) for k, v in file.get("hashes", {}).items()))
        found.setdefault(name, (url, {}))[1][hashes] = None
    for name, (url, digests) in found.items():
        yield ListedFile(package=str(package["name"]), name=name, url=url, hashes=tuple(digests))
