"""A folder of wheels on this host, such as a mounted disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.build.sources import SourceKind
from envbuild.errors import Problem, UsageError
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import ChosenFile


@value
class Folder:
    """Wheels by their file names."""

    path: Path

    def fetch(self, file: ChosenFile, _: Path) -> Path | None:
        """The folder's own file."""
        found = self.path / file.file
        return found if found.exists() else None


def _open(address: str) -> Folder:
    path = Path(address)
    if not path.is_absolute():
        message = f"the path of a folder must be absolute, and {address!r} is not"
        raise UsageError(Problem(key="source", message=message))
    return Folder(path=path)


KIND = SourceKind(name="folder", open=_open)
