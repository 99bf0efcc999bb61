"""Whether path sources are what they were when a driver was locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.source import PathSource
from envbuild.sourcetree.path_tree import check_place
from envbuild.sourcetree.places import is_file_source, place_of
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.sourcetree.digests import TreeDigests


@value
class PathChanges:
    """Compares path sources with lockfiles."""

    digests: TreeDigests

    def reasons(self, lockfile: Lockfile, driver: Driver) -> tuple[str, ...]:
        """Why a lockfile is stale, one sentence for each source that was changed; errors as in `read_path`."""
        return tuple(
            f"the source of {source.package} was changed: {source.path}"
            for source, locked in path_sources(lockfile, driver)
            if self._digest(source) != locked
        )

    def _digest(self, source: PathSource) -> str:
        place = place_of(source, self.digests.environment)
        if is_file_source(source):
            check_place(place, file=True)
            return self.digests.of_file(place.folder)
        return self.digests.of(place)


def path_sources(lockfile: Lockfile, driver: Driver) -> Iterator[tuple[PathSource, str]]:
    """Each path source that a lockfile has files of, with their digest."""
    declared = {source.origin: source for source in driver.sources}
    seen: set[tuple[str, str]] = set()
    for package in lockfile.packages:
        source = declared.get(package.index)
        if isinstance(source, PathSource):
            for file in package.files:
                if (source.origin, file.sha256) not in seen:
                    seen.add((source.origin, file.sha256))
                    yield source, file.sha256
