"""The packages in an answer of uv (PEP 751), with the files that it lists of each."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envbuild.resolution.resolution import listed_files
from envbuild.resolution.tools import ListedPackage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TABLE = "\n[[packages]]\n"
_REMEMBERED = 1 << 12


def listed_packages(answer: str) -> tuple[ListedPackage, ...]:
    """The packages of a `pylock.toml` as uv writes it."""
    head, *tables = answer.split(_TABLE)
    if "packages" in tomllib.loads(head):  # which is written in another way
        return tuple(map(_package, tomllib.loads(answer)["packages"]))
    return tuple(map(_parse, tables))


@lru_cache(maxsize=_REMEMBERED)
def _parse(text: str) -> ListedPackage:
    """One table; most targets have the same ones, and parsing takes as long as resolving."""
    return _package(tomllib.loads(f"{_TABLE}{text}")["packages"][0])


def _package(table: Mapping[str, Any]) -> ListedPackage:
    return ListedPackage(
        name=str(table["name"]),
        version=str(table.get("version", "")),
        files=listed_files(str(table["name"]), _entries(table)),
    )


def _entries(package: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    for file in (*package.get("wheels", ()), *filter(None, (package.get("sdist"),))):
        url = str(file.get("url") or Path(str(file["path"])).absolute().as_uri())
        name = str(file.get("name") or unquote(urlsplit(url).path.rpartition("/")[2]))
        yield name, url, {str(k): str(v) for k, v in file.get("hashes", {}).items()}
