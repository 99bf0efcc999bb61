"""How an environment would be put together out of whole folders of wheels that are unpacked once."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SHARED_OBJECT = re.compile(r"\.(so|dylib)(\.|$)")


class Step(NamedTuple):
    """What a link leads to, and where it lies below the site-packages folder."""

    source: str
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be made below an empty site-packages folder."""

    folders: tuple[str, ...]
    symlinks: tuple[Step, ...]
    hardlinks: tuple[Step, ...]

    @property
    def inodes(self) -> int:
        """What the file system has to make anew: a hard link makes none."""
        return len(self.folders) + len(self.symlinks)

    def write(self, path: Path) -> None:
        """For replay.py."""
        table = {
            "folders": self.folders,
            "symlinks": self.symlinks,
            "hardlinks": self.hardlinks,
        }
        path.write_text(json.dumps(table))


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Wheels that are unpacked once, a folder each."""

    root: Path
    files: Mapping[str, str]
    """Path below site-packages → the wheel's folder."""

    clashes: int
    """Paths that several wheels own."""


def keep_wheels(site: Path, root: Path) -> Kept:
    """Take an environment's site-packages apart again, by each wheel's RECORD; files are hard links."""
    files: dict[str, str] = {}
    clashes = 0
    for record in sorted(site.glob("*.dist-info/RECORD")):
        wheel = record.parent.name.removesuffix(".dist-info")
        for row in csv.reader(record.read_text().splitlines()):
            path = os.path.normpath(row[0])
            if path.startswith(("..", "/")) or not (site / path).is_file():
                continue
            clashes += path in files
            files[path] = wheel
    for path, wheel in files.items():
        place = root / wheel / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(site / path)
    return Kept(root=root, files=files, clashes=clashes)


def with_bytecode(kept: Kept) -> Kept:
    """The same with what has been compiled in the wheels' folders since."""
    files = dict(kept.files)
    for wheel in set(kept.files.values()):
        root = kept.root / wheel
        files |= {str(path.relative_to(root)): wheel for path in root.rglob("*.pyc")}
    return Kept(root=kept.root, files=files, clashes=kept.clashes)


def plan_files(kept: Kept) -> Plan:
    """Every file a hard link of its own."""
    folders = {parent for path in kept.files for parent in _parents(path)}
    return Plan(
        folders=tuple(sorted(folders)),
        symlinks=(),
        hardlinks=tuple(_step(kept, path) for path in sorted(kept.files)),
    )


def plan_folders(kept: Kept) -> Plan:
    """A symbolic link for each folder that one wheel owns and that has no shared object below.

    A shared object finds its neighbours by `$ORIGIN`, the folder that it was loaded from;
    so its folder and all above are made anew, as are folders that several wheels put files into.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    solid = set()
    for path, wheel in kept.files.items():
        for parent in _parents(path):
            owners[parent].add(wheel)
            if _SHARED_OBJECT.search(path):
                solid.add(parent)
    linkable = {folder for folder, found in owners.items() if len(found) == 1} - solid
    tops = {folder for folder in linkable if not linkable.intersection(_parents(folder))}
    below = [path for path in kept.files if not linkable.intersection(_parents(path))]
    return Plan(
        folders=tuple(sorted(set(owners) - linkable)),
        symlinks=tuple(
            Step(f"{kept.root}/{next(iter(owners[folder]))}{folder}", folder)
            for folder in sorted(tops)
        ),
        hardlinks=tuple(_step(kept, path) for path in sorted(below)),
    )


def shared_folders(kept: Kept) -> tuple[str, ...]:
    """The top folders that several wheels put files into: namespace packages, for the most part."""
    owners: dict[str, set[str]] = defaultdict(set)
    for path, wheel in kept.files.items():
        top, _, rest = path.partition("/")
        if rest:
            owners[top].add(wheel)
    return tuple(sorted(top for top, found in owners.items() if len(found) > 1))


def _parents(path: str) -> Iterable[str]:
    """The folders above a path below site-packages, each with a slash before it."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: number + 1]) for number in range(len(parts))]


def _step(kept: Kept, path: str) -> Step:
    return Step(f"{kept.root}/{kept.files[path]}/{path}", f"/{path}")
