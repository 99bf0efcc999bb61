"""Wheels that this store has built from sources: one for each build key, kept as files."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envbuild.digest import stream_sha256
from envbuild.lean_json import read_ordinary
from envbuild.posix.file_locks import locked
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile, LockedFile

_FACTS = "wheel.json"


@value
class BuiltWheel:
    """A wheel in the store."""

    key: str
    """The key of its build."""

    name: str
    sha256: str
    size: int
    """In bytes."""


class BuiltWheels:
    """`<store>/cache/built`: a folder for each build key, with the wheel and what is known of it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Hold the lock of a build, against other threads and processes."""
        locks = self.root / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(locks / key, timeout=None):
            yield

    def get(self, key: str) -> BuiltWheel | None:
        """The wheel of a build; None if there is none, or if it was changed."""
        found = self._read(self.root / key)
        if found is None:
            return None
        try:
            with (self.root / key / found.name).open("rb", buffering=0) as stream:
                intact = stream_sha256(stream) == found.sha256
        except OSError:
            return None
        return found if intact else None

    def put(self, key: str, wheel: Path) -> BuiltWheel:
        """Keep a wheel under its build's key; the caller holds `making`."""
        scratch = self.root / f".{key}.{os.urandom(4).hex()}"
        scratch.mkdir(mode=0o700)
        try:
            copy = scratch / wheel.name
            shutil.copyfile(wheel, copy)
            copy.chmod(0o444)
            with copy.open("rb", buffering=0) as stream:
                digest = stream_sha256(stream)
            facts = {"name": wheel.name, "sha256": digest, "size": copy.stat().st_size}
            (scratch / _FACTS).write_text(json.dumps(facts) + "\n", encoding="ascii")
            shutil.rmtree(self.root / key, ignore_errors=True)
            scratch.rename(self.root / key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return BuiltWheel(key=key, **facts)  # type: ignore[arg-type]

    def all(self) -> Iterator[BuiltWheel]:
        """Every wheel, by key; whether it is intact is not looked at."""
        if self.root.is_dir():
            for folder in sorted(self.root.iterdir()):
                found = self._read(folder)
                if found is not None:
                    yield found

    def fetch(self, file: ChosenFile, _: Path) -> Path | None:
        """The path of a locked file that was built here, as a place of wheels has it."""
        return self._find(file.file, file.sha256)

    def find(self, file: LockedFile) -> Path | None:
        """The path of a wheel that a lockfile names as built; None if it is not here."""
        return self._find(file.name, file.sha256)

    def _find(self, name: str, sha256: str) -> Path | None:
        paths = (
            self.root / found.key / name
            for found in self.all()
            if (found.name, found.sha256) == (name, sha256)
        )
        return next(paths, None)

    def unused(self, live: Collection[str]) -> Iterator[Path]:
        """The folders of builds of which neither the key nor the wheel (sha256) is live, and leftovers."""
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if folder.name == "locks":
                continue
            found = self._read(folder)
            if found is None or not {found.key, found.sha256} & set(live):
                yield folder

    def _read(self, folder: Path) -> BuiltWheel | None:
        try:
            facts = json.loads(read_ordinary(folder / _FACTS))
            name, sha256, size = facts["name"], facts["sha256"], facts["size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not isinstance(name, str) or "/" in name or not name.endswith(".whl"):
            return None
        return BuiltWheel(key=folder.name, name=name, sha256=str(sha256), size=int(size))
