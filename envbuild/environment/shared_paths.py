"""Paths that several packages of a built environment have, and whose file is there; only RECORDs are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.environment.contents import recorded_files
from envbuild.finding import Code, Finding
from envbuild.wheelcache.modules import is_compiled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def shared_paths(environment: Path) -> Iterator[Finding]:
    """A warning for each path that packages have with different content, in path order.

    The file is that of the first package by name, as in every environment with these files.
    """
    owners: dict[str, dict[str, str]] = {}
    for package, path, sha256 in recorded_files(environment):
        if sha256 and not is_compiled(path):
            owners.setdefault(path, {})[package] = sha256
    for path, digests in sorted(owners.items()):
        if len(set(digests.values())) > 1:
            yield _finding(environment.name, path, sorted(digests))


def _finding(environment: str, path: str, packages: list[str]) -> Finding:
    first, *others = packages
    return Finding(
        code=Code.SHARED_PATH,
        subject=environment,
        path=path,
        message=f"{first} and {', '.join(others)} have it with different content; {first}'s is installed",
        hint='remove one of them, or refuse such packages with overlap = "refuse"',
    )
