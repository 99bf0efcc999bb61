"""Link a host's distributions into an environment: these, and nothing else of the folder that they are in.

A link to a whole folder where all of it belongs to them, else links to single files.
Libraries find their siblings as they do on the host, because the kernel follows the links;
`importlib.metadata` finds the distributions, because their `.dist-info` or `.egg-info` are linked too.
Commands and start-up files (`.pth`) are not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.host_files import (
    CACHE,
    UNKNOWN_HINT,
    distribution_folders,
    files_digest,
    folders_of,
    host_files,
)
from envbuild.errors import HostError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.environment.derivation import InheritedDistribution
    from envbuild.environment.host_files import Parts


def link_host_packages(
    inherited: Iterable[InheritedDistribution], site_packages: Path, driver: str, cache_tag: str
) -> None:
    """Link them; what is there already, from wheels, stays. HostError if one has changed or its files are not known.

    `cache_tag` is the interpreter's: the host's bytecode of a linked module is linked too.
    """
    by_root: dict[Path, list[InheritedDistribution]] = {}
    for one in inherited:
        by_root.setdefault(Path(one.folder).parent, []).append(one)
    for root, distributions in by_root.items():
        own: set[Parts] = set()
        for one in distributions:
            own.update(_own_paths(one, driver))
        folders = {Path(one.folder).name for one in distributions}
        foreign = _folders_of_others(root, folders)
        own.update(_bytecode(own, cache_tag))
        _Linker(root, site_packages, foreign).link(own)


def _own_paths(one: InheritedDistribution, driver: str) -> frozenset[Parts]:
    """The paths of a distribution that are in its site-packages folder."""
    folder = Path(one.folder)
    files = host_files(folder)
    named = f"{driver}: the host's {one.name} {one.version}"
    if files.unknown:
        raise HostError(Problem(message=f"{named}: {files.unknown} ({folder})", hint=UNKNOWN_HINT))
    if files_digest(folder) != one.record:
        message = f"{named} was changed while it was linked ({folder})"
        raise HostError(Problem(message=message, hint="run `envbuild sync` again"))
    if all(parts[0] == folder.name for parts in files.paths):
        message = f"{named} has no modules there ({folder})"
        hint = "an editable installation cannot be inherited: install it as a wheel on the host"
        raise HostError(Problem(message=message, hint=hint))
    return files.paths


def _bytecode(paths: Iterable[Parts], cache_tag: str) -> Iterator[Parts]:
    """The bytecode of each module; installers do not all list it in RECORD."""
    for parts in tuple(paths):
        *folder, name = parts
        if name.endswith(".py"):
            yield (*folder, CACHE, f"{name.removesuffix('.py')}.{cache_tag}.pyc")


def _folders_of_others(root: Path, own: set[str]) -> set[Parts]:
    """Every folder in which another distribution of the host has a file."""
    found: set[Parts] = set()
    for folder in distribution_folders(root):
        if folder.name not in own:
            found.update(folders_of(host_files(folder).paths))
    return found


class _Linker:
    def __init__(self, root: Path, target: Path, foreign: set[Parts]) -> None:
        self._root = root
        self._target = target
        self._foreign = foreign

    def link(self, paths: Iterable[Parts], above: Parts = ()) -> None:
        """Link everything of these paths below a folder."""
        depth = len(above)
        groups: dict[str, list[Parts]] = {}
        for parts in paths:
            groups.setdefault(parts[depth], []).append(parts)
        for name, inner in sorted(groups.items()):
            self._link_one((*above, name), inner)

    def _link_one(self, place: Parts, paths: list[Parts]) -> None:
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

    def _is_own(self, place: Parts) -> bool:
        """Whether nobody else has files in a folder; a folder of bytecode at the top is everybody's."""
        return place not in self._foreign and place != (CACHE,)

    def _go_on(self, place: Parts, paths: list[Parts]) -> None:
        self.link((parts for parts in paths if len(parts) > len(place)), place)
