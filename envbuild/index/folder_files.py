"""Files of indexes that are folders of this host, read without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.posix.shortage import pass_shortage_on
from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.index.locations import IndexLocations
    from envbuild.lockfile.lockfile import ChosenFile


@value
class FolderIndexes:
    """A place with wheels, as `envbuild.build.sources` describes one: the folder of the file's own index."""

    locations: IndexLocations

    def fetch(self, file: ChosenFile, _: Path) -> Path | None:
        """The folder's own file, in it or in the package's folder; None if its size is not the locked one.

        The index then says what is wrong with it.
        """
        folder = self.locations.folder_holding(file.index, file.package)
        if folder is None:
            return None
        for path in (folder / file.file, folder / file.package / file.file):
            try:
                if path.stat().st_size == file.size:
                    return path
            except OSError as error:
                pass_shortage_on(error)
        return None
