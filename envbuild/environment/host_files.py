"""The files of a distribution in a site-packages folder of the host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex, stream_sha256
from envbuild.environment.contents import read_record, record_digest
from envbuild.lean_json import open_ordinary
from envbuild.posix.tree import path_text
from envbuild.requirement.parse import normalized_name
from envbuild.value import value
from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METADATA_FOLDERS = ("*.dist-info", "*.egg-info")
"""What site-packages has for each distribution; that of an old one may be a file."""

UNKNOWN_HINT = "install it with pip on the host, which writes a RECORD, or remove it from `inherit`"
CACHE = "__pycache__"
Parts = tuple[str, ...]
"""A path below site-packages, taken apart."""


@value
class HostFiles:
    """The files of one distribution, as far as they are below its site-packages folder."""

    paths: frozenset[Parts]
    """Without its start-up files (`.pth`); empty if they are not known."""

    unknown: str = ""
    """Why they are not known."""


def host_files(folder: Path) -> HostFiles:
    """The files that RECORD lists; without one (Debian leaves it out), the modules that `top_level.txt` names.

    `folder` is the distribution's `.dist-info` or `.egg-info`.
    A module that another distribution names too belongs to neither.
    """
    record = read_record(folder)
    if record:
        return HostFiles(paths=frozenset((*_inside(record), (folder.name,))))
    tops = _top_level(folder)
    there = tuple(_of_modules(folder.parent, tops))
    if not there:
        return HostFiles(paths=frozenset(), unknown=f"neither RECORD nor {_TOP_LEVEL} names them")
    for other in distribution_folders(folder.parent):
        common = tops & top_names(other) if normal_stem(other) != normal_stem(folder) else ()
        if common:
            words = f"it has no RECORD, and {min(common)!r} is a module of {other.name} too"
            return HostFiles(paths=frozenset(), unknown=words)
    return HostFiles(paths=frozenset((*there, *_below(folder))))


def files_digest(folder: Path) -> str:
    """The digest of a distribution's files: that of its RECORD, else of each name and content; empty if unknown."""
    if digest := record_digest(folder):
        return digest
    lines = []
    for parts in sorted(host_files(folder).paths):
        try:
            digest = file_sha256(folder.parent.joinpath(*parts))
        except OSError:
            return ""
        lines.append(f"{'/'.join(parts)}\0{digest}\n")
    return sha256_hex("".join(lines).encode("utf-8", "surrogateescape")) if lines else ""


def file_sha256(file: Path) -> str:
    """The sha256 of an ordinary file; OSError as in `open_ordinary`."""
    with os.fdopen(open_ordinary(file), "rb", buffering=0) as stream:
        return stream_sha256(stream)


def metadata_of(folder: Path) -> Path:
    """Where a distribution has its METADATA; that of an old one is a file itself."""
    if folder.suffix == ".dist-info":
        return folder / "METADATA"
    return folder / "PKG-INFO" if folder.is_dir() else folder


def distribution_folders(root: Path) -> list[Path]:
    """What a site-packages folder has for each distribution, in name order."""
    return sorted(found for pattern in METADATA_FOLDERS for found in root.glob(pattern))


def top_names(folder: Path) -> set[str]:
    """The first parts of a distribution's paths, without a suffix."""
    record = read_record(folder)
    if record:
        return {parts[0].partition(".")[0] for parts in _inside(record)}
    return _top_level(folder)


def normal_stem(folder: Path) -> str:
    """The normalised name of the distribution that a `.dist-info` or `.egg-info` is called after."""
    stem = folder.name.removesuffix(".dist-info").removesuffix(".egg-info")
    return normalized_name(stem.partition("-")[0])


_TOP_LEVEL = "top_level.txt"


def _top_level(folder: Path) -> set[str]:
    """The modules that a distribution names; else the one that is called as it is."""
    try:
        with os.fdopen(open_ordinary(folder / _TOP_LEVEL), encoding="utf-8") as stream:
            names = {line.strip().replace("/", ".") for line in stream}
    except (OSError, UnicodeError):
        names = {normal_stem(folder).replace("-", "_")}
    return {name for name in names if name and "." not in name}


def _of_modules(root: Path, names: set[str]) -> Iterator[Parts]:
    """The files of modules: a package's folder with its libraries, a `.py`, or an extension."""
    for entry in sorted(root.iterdir()):
        stem, _, suffix = entry.name.partition(".")
        if stem not in names:
            continue
        if suffix in ("", "libs") and entry.is_dir():
            yield from _below(entry)
        elif entry.is_file() and (suffix == "py" or suffix.endswith("so")):
            yield (entry.name,)


def _below(place: Path) -> Iterator[Parts]:
    """The files of a folder, or the file itself; bytecode is not a part of anything."""
    if not place.is_dir():
        yield (place.name,)
        return
    above = len(place.parent.parts)
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name != CACHE]
        yield from ((*Path(folder).parts[above:], path_text(os.fsencode(one))) for one in files)


def _inside(record: str) -> Iterator[Parts]:
    for path, _, _ in parse_record(record):
        parts = tuple(path.split("/"))
        outside = path.startswith("/") or ".." in parts or "" in parts or "." in parts
        if not outside and not (len(parts) == 1 and path.endswith(".pth")):
            yield parts


def folders_of(paths: Iterable[Parts]) -> Iterator[Parts]:
    """Every folder above one of these paths."""
    for parts in paths:
        yield from (parts[:end] for end in range(1, len(parts)))
