"""What a store remembers of releases: the one that it published last, and those that it has followed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import write_atomically
from envbuild.posix.shortage import not_written
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST_GENERATIONS = 200
_MOST_REPOSITORIES = 4
"""Each costs a request for every new blob."""

FOLDER = "releases"
_FOLDER = re.compile(r"\d+-[0-9a-f]{12}")


@value
class SeenRelease:
    """A release that a store has followed."""

    sequence: int
    digest: str
    """Of its manifest."""

    @property
    def folder(self) -> str:
        """The name of the folder with its declaration and lockfiles, below `<store>/releases`."""
        return f"{self.sequence}-{self.digest[7:19]}"


@value
class ReleaseRecord:
    """The folder `<store>/releases`."""

    folder: Path

    def newest(self) -> int:
        """The highest sequence number that the store has followed; 0 if it has followed none."""
        return int(self._read("followed.json").get("newest", 0))

    def old_folders(self, generations: Iterable[int]) -> tuple[Path, ...]:
        """The folders with the files of the releases that none of these generations was made from.

        That of the newest release that the store has followed is none of them: the next sync compares with it.
        """
        known = self._read("followed.json").get("generations", {})
        needed = {*map(str, generations), *sorted(known, key=int)[-1:]}
        kept = {_seen(row).folder for number, row in known.items() if number in needed}
        if not self.folder.is_dir():
            return ()
        found = (path for path in sorted(self.folder.iterdir()) if _FOLDER.fullmatch(path.name))
        return tuple(path for path in found if path.name not in kept)

    def of_generation(self, number: int) -> SeenRelease | None:
        """The release that a generation was made from; None if it was made from none."""
        found = self._read("followed.json").get("generations", {}).get(str(number))
        return None if found is None else _seen(found)

    def latest(self) -> str:
        """When the latest release was made that the store has followed: it is at least this time now.

        Empty if it has followed none; a clock that was set back makes no expired release good.
        """
        return str(self._read("followed.json").get("latest", ""))

    def follow(self, seen: SeenRelease, generation: int | None, *, created: str = "") -> None:
        """Note that the store has followed a release that was `created` then, and which generation came of it."""
        table = self._read("followed.json")
        generations = {**table.get("generations", {})}
        if generation is not None:
            generations[str(generation)] = [seen.sequence, seen.digest]
        kept = sorted(generations, key=int)[-_MOST_GENERATIONS:]
        after = {
            "version": 1,
            "newest": max(seen.sequence, int(table.get("newest", 0))),
            "latest": max(created, str(table.get("latest", ""))),
            "generations": {number: generations[number] for number in kept},
        }
        if after != table:
            self._write("followed.json", json.dumps(after).encode())

    def published(self) -> tuple[bytes, bytes] | None:
        """The manifest and the `release.json` of the last published release, or None."""
        try:
            manifest = read_ordinary(self.folder / "published.manifest.json")
            return manifest, read_ordinary(self.folder / "published.json")
        except OSError:
            return None

    def publish(self, manifest: bytes, release: bytes) -> None:
        """Note what was published."""
        self._write("published.json", release)
        self._write("published.manifest.json", manifest)

    def repositories(self) -> tuple[str, ...]:
        """The repositories that were published to, as `HOST/REPOSITORY`: they may have the same blobs."""
        found = self._read("repositories.json").get("repositories", [])
        return tuple(map(str, found))[-_MOST_REPOSITORIES:]

    def publish_to(self, repository: str) -> None:
        """Note a repository that was published to."""
        known = self.repositories()
        if repository not in known:
            table = {"version": 1, "repositories": [*known, repository]}
            self._write("repositories.json", json.dumps(table).encode())

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            table = json.loads(read_ordinary(path))
            if isinstance(table, dict) and table.get("version") == 1:
                return table
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            problem = Problem(file=str(path), message=f"cannot be read: {error}")
            raise HostError(problem) from error
        message = "is damaged, or of a newer envbuild"
        raise HostError(Problem(file=str(path), message=message))

    def _write(self, name: str, content: bytes) -> None:
        try:
            self.folder.mkdir(mode=0o755, exist_ok=True)
            write_atomically(self.folder / name, content)
        except OSError as error:
            raise not_written(self.folder / name, error) from error


def _seen(row: list[Any]) -> SeenRelease:
    return SeenRelease(sequence=row[0], digest=row[1])
