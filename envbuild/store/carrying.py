"""Copy the rest of a store, all but its environments, into another store: its files, Pythons and small caches."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from envbuild.lean_json import read_ordinary
from envbuild.posix.deletion import remove_tree
from envbuild.posix.files import sync_file_system
from envbuild.store.pythons import NAME, WHOLE
from envbuild.store.settings import FILE as SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PARTS = (SETTINGS, "roots", "releases")
_CACHES = ("built", "logs", "prepare", "children", "tools")
"""The caches that cannot be made again without a network, or that somebody may want to read."""

_LONGEST_TEXT = 1 << 20
"""Bytes of a file of a Python that may name its own folder."""


def carry_files(old: Path, new: Path) -> None:
    """Copy settings, roots, records of releases, built wheels and logs; existing files stay."""
    for name in (*_PARTS, *(f"cache/{cache}" for cache in _CACHES)):
        source, target = old / name, new / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(
                *(source, target), symlinks=True, dirs_exist_ok=True, copy_function=_copy_new
            )
        elif source.is_file():
            _copy_new(str(source), str(target))


def _copy_new(source: str, target: str) -> None:
    if os.path.lexists(target):
        return
    scratch = f"{target}.envbuild-copy"
    shutil.copy2(source, scratch, follow_symlinks=False)
    os.replace(scratch, target)  # noqa: PTH105


def carry_pythons(old: Path, new: Path) -> None:
    """Copy the managed Pythons of a store, and replace the path of their folder in their files.

    `old` and `new` are the folders of Pythons, without links in their paths. A complete Python in the new folder stays.
    """
    if not old.is_dir():
        return
    new.mkdir(mode=0o755, exist_ok=True)
    for folder in sorted(old.iterdir()):
        target = new / folder.name
        if folder.is_symlink():
            _copy_link(folder, target, os.fsencode(old), os.fsencode(new))
        elif NAME.fullmatch(folder.name) and _is_whole(folder) and not _is_whole(target):
            _carry_python(folder, target)


def _is_whole(folder: Path) -> bool:
    return (folder / WHOLE).is_file()


def _carry_python(folder: Path, target: Path) -> None:
    remove_tree(target)
    shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns(WHOLE))
    before, after = os.fsencode(folder.parent), os.fsencode(target.parent)
    for path in _files(target):
        if path.is_symlink():
            _copy_link(path, path, before, after)
        else:
            _rename_in(path, before, after)
    sync_file_system(target)
    shutil.copy2(folder / WHOLE, target / WHOLE)


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        for name in (*names, *folders):
            path = folder.joinpath(parent, name)
            if path.is_symlink() or not path.is_dir():
                yield path


def _copy_link(source: Path, target: Path, before: bytes, after: bytes) -> None:
    found = os.fsencode(source.readlink())
    led = found.replace(before, after) if found.startswith(before + b"/") else found
    if source != target or led != found:
        target.unlink(missing_ok=True)
        target.symlink_to(os.fsdecode(led))


def _rename_in(path: Path, before: bytes, after: bytes) -> None:
    """Write the new folder into a text that names the old one; programs and bytecode stay as they are."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_TEXT:
        return
    content = read_ordinary(path)
    if before + b"/" not in content or b"\0" in content:
        return
    scratch = path.with_name(f"{path.name}.envbuild-copy")
    scratch.write_bytes(content.replace(before + b"/", after + b"/"))
    scratch.chmod(stat.S_IMODE(status.st_mode))
    scratch.replace(path)
