"""Link a host's distributions into an environment: these, and nothing else of the folder that they are in.

A link to a whole folder where all of it belongs to them, else links to single files.
Libraries find their siblings as they do on the host, because the kernel follows the links;
`importlib.metadata` finds the distributions, because their `.dist-info` folders are linked too.
Commands and start-up files (`.pth`) are not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.contents import read_record, record_digest
from envbuild.errors import HostError, Problem
from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.environment.derivation import InheritedDistribution


_CACHE = "__pycache__"


def link_host_packages(
    inherited: Iterable[InheritedDistribution], site_packages: Path, driver: str, cache_tag: str
) -> None:
    """Link them; what is there already, from wheels, stays. HostError if one has changed or has no RECORD.

    `cache_tag` is the interpreter's: the host's bytecode of a linked module is linked too.
    """
    by_root: dict[Path, list[InheritedDistribution]] = {}
    for one in inherited:
        by_root.setdefault(Path(one.folder).parent, []).append(one)
    for root, distributions in by_root.items():
        own: set[tuple[str, ...]] = set()
        for one in distributions:
            own.update(_own_paths(one, driver))
        folders = {Path(one.folder).name for one in distributions}
        foreign = _folders_of_others(root, folders)
        own.update(_bytecode(own, cache_tag))
        _Linker(root, site_packages, foreign).link(own)


def _own_paths(one: InheritedDistribution, driver: str) -> Iterator[tuple[str, ...]]:
    """The parts of each path of a distribution that is in its site-packages folder."""
    folder = Path(one.folder)
    if not one.record or record_digest(folder) != one.record:
        what = "has no RECORD, so its files are not known"
        if one.record:
            what = "was changed while it was linked"
        message = f"{driver}: the host's {one.name} {one.version} {what} ({folder})"
        hint = "install it with pip on the host, or remove it from `inherit`"
        raise HostError(Problem(message=message, hint=hint))
    paths = set(_inside(read_record(folder)))
    if all(parts[0] == folder.name for parts in paths):
        message = f"{driver}: the host's {one.name} {one.version} has no modules there ({folder})"
        hint = "an editable installation cannot be inherited: install it as a wheel on the host"
        raise HostError(Problem(message=message, hint=hint))
    yield from paths
    yield (folder.name,)


def _inside(record: str) -> Iterator[tuple[str, ...]]:
    for path, _, _ in parse_record(record):
        parts = tuple(path.split("/"))
        outside = path.startswith("/") or ".." in parts or "" in parts or "." in parts
        if not outside and not (len(parts) == 1 and path.endswith(".pth")):
            yield parts


def _bytecode(paths: Iterable[tuple[str, ...]], cache_tag: str) -> Iterator[tuple[str, ...]]:
    """The bytecode of each module; installers do not all list it in RECORD."""
    for parts in tuple(paths):
        *folder, name = parts
        if name.endswith(".py"):
            yield (*folder, _CACHE, f"{name.removesuffix('.py')}.{cache_tag}.pyc")


def _folders_of_others(root: Path, own: set[str]) -> set[tuple[str, ...]]:
    """Every folder in which another distribution of the host has a file."""
    found: set[tuple[str, ...]] = set()
    for folder in root.glob("*.dist-info"):
        if folder.name in own:
            continue
        for parts in _inside(read_record(folder)):
            found.update(parts[:end] for end in range(1, len(parts)))
    return found


class _Linker:
    def __init__(self, root: Path, target: Path, foreign: set[tuple[str, ...]]) -> None:
        self._root = root
        self._target = target
        self._foreign = foreign

    def link(self, paths: Iterable[tuple[str, ...]], above: tuple[str, ...] = ()) -> None:
        """Link everything of these paths below a folder."""
        depth = len(above)
        groups: dict[str, list[tuple[str, ...]]] = {}
        for parts in paths:
            groups.setdefault(parts[depth], []).append(parts)
        for name, inner in sorted(groups.items()):
            self._link_one((*above, name), inner)

    def _link_one(self, place: tuple[str, ...], paths: list[tuple[str, ...]]) -> None:
        source, target = self._root.joinpath(*place), self._target.joinpath(*place)
        if not source.is_dir():
            if source.exists() and not os.path.lexists(target):
                target.symlink_to(source)
        elif not os.path.lexists(target) and self._is_own(place):
            target.symlink_to(source)
        elif target.is_dir() and not target.is_symlink():
            self._go_on(place, paths)
        elif not os.path.lexists(target):
            target.mkdir(mode=0o755)
            self._go_on(place, paths)

    def _is_own(self, place: tuple[str, ...]) -> bool:
        """Whether nobody else has files in a folder; a folder of bytecode at the top is everybody's."""
        return place not in self._foreign and place != (_CACHE,)

    def _go_on(self, place: tuple[str, ...], paths: list[tuple[str, ...]]) -> None:
        self.link((parts for parts in paths if len(parts) > len(place)), place)
