"""A source tree that can be built: how an archive becomes one, and the build system that it declares (PEP 518)."""

from __future__ import annotations

import lzma
import os
import tarfile
import tomllib
import zipfile
import zlib
from typing import TYPE_CHECKING, TypeGuard

from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.posix.input_file import lies_below
from envbuild.posix.unpacking import refuse_endless, unpack_tar
from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile

MOST_BYTES = 4 << 30
MOST_FILES = 200_000
"""What an archive may unpack to."""

_LARGEST_PROJECT = 1 << 20
"""Bytes of a pyproject.toml."""

_UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
_LEGACY = "setuptools.build_meta:__legacy__"
_EPOCH = 315_532_800
"""1980-01-01, the first time that a zip archive can have."""


@value
class SourceTree:
    """An unpacked source; nothing writes into it, as every build works on a copy of its own."""

    package: str
    """Normalised (PEP 503)."""

    version: str | None = None
    """The version that it must have; None if only the build tells."""

    path: Path
    """The folder with pyproject.toml or setup.py."""

    name: str
    """What messages call it: an archive's file name, or the folder as it was declared."""

    epoch: int = _EPOCH
    """`SOURCE_DATE_EPOCH` of its builds, in seconds."""


@value
class BuildSystem:
    """The `[build-system]` table of pyproject.toml."""

    requires: tuple[str, ...]
    """Requirements as published."""

    backend: str
    """The object with the hooks, such as `hatchling.build`."""

    backend_path: tuple[str, ...] = ()
    """Folders of the tree from which the backend is imported."""


SETUPTOOLS = BuildSystem(requires=("setuptools>=40.8.0",), backend=_LEGACY)
"""What PEP 517 has for a tree that declares nothing."""


def read_build_system(tree: SourceTree) -> BuildSystem:
    """The build system of a tree; HostError says what is wrong with its pyproject.toml."""
    file = tree.path / "pyproject.toml"
    try:
        if not file.is_file():
            if not (tree.path / "setup.py").is_file():
                raise _invalid(tree, "it has neither pyproject.toml nor setup.py")
            return SETUPTOOLS
        with file.open("rb") as stream:
            text = stream.read(_LARGEST_PROJECT + 1)
        if len(text) > _LARGEST_PROJECT:
            raise _invalid(tree, "its pyproject.toml is too long")
        table = tomllib.loads(text.decode()).get("build-system")
    except (OSError, ValueError, RecursionError) as error:
        raise _invalid(tree, f"its pyproject.toml cannot be read: {error}") from error
    if table is None:
        return SETUPTOOLS
    return _build_system(tree, table)


def _build_system(tree: SourceTree, table: object) -> BuildSystem:
    if not isinstance(table, dict):
        raise _invalid(tree, "its [build-system] is not a table")
    requires, paths = table.get("requires"), table.get("backend-path", [])
    backend = table.get("build-backend", _LEGACY)
    if not _is_texts(requires) or not _is_texts(paths) or not isinstance(backend, str):
        raise _invalid(
            tree, "its [build-system] has no valid requires, build-backend or backend-path"
        )
    for path in paths:
        place = os.path.realpath(tree.path / path)
        if os.path.isabs(path) or not lies_below(place, tree.path):  # noqa: PTH117
            raise _invalid(tree, f"its backend-path {path!r} leaves the source")
    return BuildSystem(requires=tuple(requires), backend=backend, backend_path=tuple(paths))


def _is_texts(found: object) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _invalid(tree: SourceTree, reason: str) -> HostError:
    return HostError(
        Problem(
            message=f"{tree.name} cannot be built: {reason}",
            hint=f"require another version of {tree.package}, or tell its author",
        )
    )


def archive_tree(archive: Path, folder: Path, file: ChosenFile) -> SourceTree:
    """Unpack a locked source distribution into a new folder; errors as in `unpack_archive`."""
    folder.mkdir()
    return SourceTree(
        package=file.package,
        version=file.version,
        path=unpack_archive(archive, folder, name=file.file),
        name=file.file,
    )


def unpack_archive(archive: Path, folder: Path, *, name: str) -> Path:
    """Unpack a source distribution into an empty folder → its one top folder.

    Nothing is written outside of the folder, no device or link out of it is made.
    IndexFailureError if the archive is broken, too large, or has other than one top folder.
    """
    try:
        if name.endswith(".zip"):
            _unzip(archive, folder)
        else:
            _untar(archive, folder)
    except (*_UNREADABLE, ValueError, NotImplementedError, RuntimeError) as error:
        raise _broken(name, str(error)) from error
    tops = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    if len(tops) != 1:
        raise _broken(name, f"it has {len(tops)} folders at its top, and not one")
    return tops[0]


def _broken(name: str, reason: str) -> IndexFailureError:
    message = f"{name} is not a source distribution that can be unpacked: {reason}"
    return IndexFailureError(
        Problem(message=message, hint="require another version, or tell its author")
    )


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, mode="r:*") as opened:
        unpack_tar(opened, folder, most_bytes=MOST_BYTES, most_files=MOST_FILES)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        size = sum(one.file_size for one in members)
        refuse_endless(size, len(members), most_bytes=MOST_BYTES, most_files=MOST_FILES)
        for member in members:
            if member.filename.startswith("/") or ".." in member.filename.split("/"):
                raise ValueError(f"{member.filename!r} leaves the archive")
            opened.extract(member, folder)
