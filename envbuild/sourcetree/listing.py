"""Which files of a folder are part of a source: those that git tracks, else all but what builds and tools leave."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.lockfile.git import find_git
from envbuild.posix.process import find_program

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from envbuild.lockfile.git import Git
    from envbuild.posix.process import Runner

LEFT_OUT = (
    *(".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "build", "dist", "node_modules"),
    *(".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
    *("*.egg-info", "*.pyc"),
)
"""Names that are left out at every depth of a folder that git does not track; docs/declaration.md lists them."""

MOST_FILES = 50_000
MOST_BYTES = 2 << 30
_ONLY_THE_PROJECT = "name a folder that only has the project"


def refused(shown: str, message: str, hint: str) -> UsageError:
    """The error for a source that is not read."""
    return UsageError(Problem(message=f"the source {shown} {message}", hint=hint))


def refuse_endless(
    shown: str, *, files: int = 0, size: int = 0, hint: str = _ONLY_THE_PROJECT
) -> None:
    """UsageError for a source with so many files, or bytes together, that it is not read."""
    if files > MOST_FILES:
        raise refused(shown, f"has more than {MOST_FILES} files", hint)
    if size > MOST_BYTES:
        raise refused(shown, f"has more than {MOST_BYTES >> 30} GiB", hint)


def repository_of(folder: str) -> str | None:
    """The nearest enclosing folder with a `.git`, links resolved; None if there is none."""
    at = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(at, ".git")):  # noqa: PTH118
        if at == os.path.dirname(at):  # noqa: PTH120
            return None
        at = os.path.dirname(at)  # noqa: PTH120
    return at


def git_of(folder: str, runner: Runner, environment: Mapping[str, str]) -> Git | None:
    """Git for a folder inside a repository; None if it is in none, or the host has no git."""
    if repository_of(folder) is None or find_program("git", environment.get("PATH")) is None:
        return None
    return find_git(runner, environment, folder)


def tracked_files(git: Git, shown: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files below git's folder that it tracks and that are there, in order, and the folders that miss one.

    Both are empty if it tracks none.
    """
    there, missed = [], set()
    for mode, path in git.tracked():
        if mode == "160000":
            hint = "name the submodule's own repository with git = …, or put its files there"
            raise refused(shown, f"has a git submodule, {path!r}, which is not read", hint)
        if os.path.lexists(f"{git.folder}/{path}"):
            there.append(path)
        else:
            missed.add(_nearest_folder(git.folder, path))
    return tuple(sorted(there)), tuple(sorted(missed))


def _nearest_folder(top: str, path: str) -> str:
    """The nearest enclosing folder of a path that is there, relative to `top`; empty for `top` itself."""
    at = os.path.dirname(path)  # noqa: PTH120
    while at and not os.path.lexists(f"{top}/{at}"):
        at = os.path.dirname(at)  # noqa: PTH120
    return at


def all_files(
    folder: str, shown: str, spare: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every file below a folder but what is left out, in order; and every folder. Links to folders are files.

    `spare` has absolute paths that are left out too. UsageError if there are too many.
    """
    found: list[str] = []
    folders = [""]
    for place in folders:
        for entry in _entries(folder, place, spare):
            if entry.is_dir(follow_symlinks=False):
                folders.append(_joined(place, entry.name))
            else:
                found.append(_joined(place, entry.name))
        refuse_endless(shown, files=len(found) + len(folders))
    return tuple(sorted(found)), tuple(sorted(folders))


def _entries(folder: str, place: str, spare: Collection[str]) -> Iterator[os.DirEntry[str]]:
    with os.scandir(f"{folder}/{place}") as entries:
        for entry in entries:
            left_out = any(fnmatchcase(entry.name, pattern) for pattern in LEFT_OUT)
            if not left_out and os.path.normpath(entry.path) not in spare:
                yield entry


def _joined(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
