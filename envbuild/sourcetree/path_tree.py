"""The source in a folder of this host."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.input_file import lies_below
from envbuild.sourcetree.listing import all_files, git_of, refused, tracked_files
from envbuild.sourcetree.snapshot import ARCHIVAL, archival, read_tree, takes_version_from_git
from envbuild.sourcetree.stat_record import is_settled, looks
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner
    from envbuild.sourcetree.snapshot import Snapshot


@value
class PathTree:
    """A folder."""

    folder: str
    """Its absolute path."""

    shown: str
    """As it was declared."""

    within: str | None = None
    """A folder that it must not leave; None if a host has said where it is."""

    spare: tuple[str, ...] = ()
    """Absolute paths that are no part of it."""


@value
class Read:
    """What was read of a folder."""

    snapshot: Snapshot
    watched: tuple[str, ...]
    """What decides the digest: git's index file, the folders whose entries are read or that miss one, the files."""

    before: list[int] | None
    """How these looked before they were read; None if git's tags decide the digest too, or one is too young to tell."""


def read_path(
    tree: PathTree, runner: Runner, environment: Mapping[str, str], copy: Path | None = None
) -> Read:
    """Read a folder, into `copy` if there is one; errors as in `read_tree`."""
    check_place(tree)
    try:
        return _read(tree, runner, environment, copy)
    except OSError as error:
        words = f"the source {tree.shown} cannot be read: {error.strerror}"
        problem = Problem(message=words, file=str(error.filename) if error.filename else None)
        raise HostError(problem) from error


def check_place(tree: PathTree, *, file: bool = False) -> None:
    """UsageError if the folder, or the file, is not there, or is outside of what it must not leave."""
    real = os.path.realpath(tree.folder)
    if tree.within is not None and not lies_below(real, tree.within):
        hint = "put the project into the repository, or name its own repository with git = …"
        words = f"leaves the repository {os.path.realpath(tree.within)}"
        raise refused(tree.shown, words, hint)
    if not (os.path.isfile(real) if file else os.path.isdir(real)):  # noqa: PTH112, PTH113
        hint = (
            "check the path: it is relative to the folder of drivers.toml; "
            "a release has its wheel, which a host takes if it trusts the signature"
        )
        raise refused(tree.shown, f"is not a {'file' if file else 'folder'}", hint)


def _read(
    tree: PathTree, runner: Runner, environment: Mapping[str, str], copy: Path | None
) -> Read:
    start = time.time_ns()
    git = git_of(tree.folder, runner, environment)
    paths, folders = tracked_files(git, tree.shown) if git is not None else ((), ())
    if not paths and not folders:
        git = None
        paths, folders = all_files(tree.folder, tree.shown, tree.spare)
    else:
        inside = tuple(f"{os.path.relpath(path, tree.folder)}/" for path in tree.spare)
        paths = tuple(path for path in paths if not f"{path}/".startswith(inside or ("\0",)))
    scm = git is not None and takes_version_from_git(tree.folder, paths)
    more = {ARCHIVAL: archival(*git.described())} if git is not None and scm else {}
    index = git.index_file() if git is not None else None
    watched = (*((index,) if index is not None else ()), *(f or "." for f in folders), *paths)
    before = None if scm else looks(tree.folder, watched)
    if before is not None and not is_settled(before, start):
        before = None
    snapshot = read_tree(tree.folder, paths, shown=tree.shown, copy=copy, more=more)
    return Read(snapshot=snapshot, watched=watched, before=before)
