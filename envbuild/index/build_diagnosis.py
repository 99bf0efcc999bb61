"""Whether a resolution failed because a source distribution could not be built."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, IndexFailureError
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envbuild.index.metadata import MetadataReader
    from envbuild.index.page import IndexFile
    from envbuild.resolution.resolution import ResolveRequest

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})==([A-Za-z0-9][A-Za-z0-9!+._-]{0,99})")
_MOST = 3
"""The most builds that are tried; each may take minutes."""


def diagnose_builds(
    reader: MetadataReader, request: ResolveRequest, words: str, conceal: Callable[[str], str]
) -> HostError | None:
    """The output of the failed build; None if all could be built.

    A resolver's output says which source to try, but not reliably what is wrong with it;
    only what the declaration allows is built.
    """
    for package, file in tuple(_tried(reader, request, words))[:_MOST]:
        try:
            _build(reader, package, file)
        except HostError as error:
            return HostError(
                replace(
                    problem,
                    key=f"drivers.{request.driver}.allow-sdist",
                    message=f"{request.driver}: {problem.message}",
                    detail=None if problem.detail is None else conceal(problem.detail),
                )
                for problem in error.problems
            )
        except IndexFailureError:
            continue
    return None


def _tried(
    reader: MetadataReader, request: ResolveRequest, words: str
) -> Iterator[tuple[str, IndexFile]]:
    """The packages, with their sources, that the output names and the declaration allows to build."""
    from packaging.utils import canonicalize_name

    named = {(canonicalize_name(name), version) for name, version in _NAMED.findall(words)}
    for package in sorted(set(request.allow_sdist) & {name for name, _ in named}):
        versions = {version for name, version in named if name == package}
        try:
            page = reader.client.project_page(reader.locations.of(package), package)
        except IndexFailureError:
            continue
        for file in page.files:
            if not file.is_wheel and str(file.version) in versions:
                yield package, file


def _build(reader: MetadataReader, package: str, file: IndexFile) -> None:
    """HostError if it cannot be built, IndexFailureError if it cannot be downloaded."""
    location = reader.locations.of(package)
    with tempfile.TemporaryDirectory(prefix="envbuild-sdist-") as folder:
        archive = Path(folder, file.filename)
        with archive.open("wb") as sink:
            reader.client.download(location, package, file, sink)
        reader.builder.build(archive, Path(folder))
