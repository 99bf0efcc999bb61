"""The file of each package in uv's answer that a target takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.resolution.resolution import ListedFile, ResolvedFile
from envbuild.target.wheel_choice import best_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.resolution.resolution import ResolveRequest


def choose_file(
    package: Mapping[str, object],
    request: ResolveRequest,
    sole_digest: Callable[[ListedFile], str],
) -> ResolvedFile:
    """The file of a PEP 751 package table that the request's target takes.

    UnsatisfiableError if it takes none; also raises what `sole_digest` raises.
    """
    name, version = str(package["name"]), str(package.get("version", ""))
    listed = {file.name: file for file in listed_files(package)}
    wheels = [file for file in listed if file.endswith(".whl")]
    chosen = best_wheel(wheels, request.target)
    if chosen is None and name in request.allow_sdist:
        chosen = next((file for file in listed if not file.endswith(".whl")), None)
    if chosen is None:
        message = f"{request.driver}: {name} {version} has no wheel for {request.target}"
        hint = f"require another version of {name}, or remove the target"
        raise UnsatisfiableError(Problem(message=message, hint=hint))
    file = listed[chosen]
    return ResolvedFile(
        package=name,
        version=version,
        file=chosen,
        url=file.url,
        sha256=sole_digest(file),
        indexes=request.indexes,
    )


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
