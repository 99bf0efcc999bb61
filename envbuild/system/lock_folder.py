"""The folder of lockfiles, `locks/` beside `drivers.toml`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import HostError, LockfileError, Problem
from envbuild.lock_text import parse_lockfile, render_lockfile
from envbuild.system.files import sweep, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lock import Lockfile


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLockfile:
    """A lockfile as it lies in the folder."""

    lockfile: Lockfile
    digest: str
    """`sha256:` and the hex digest of the file's bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFolder:
    """Reads and writes one lockfile a driver."""

    path: Path
    shown: str
    """The folder as messages name it, such as `locks`."""

    def read(self, driver: str) -> StoredLockfile | None:
        """The driver's lockfile; None where there is none, LockfileError where it is not what was written."""
        name = self.name(driver)
        try:
            content = self._file(driver).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(
                Problem(file=name, message=f"cannot read it: {error.strerror}")
            ) from error
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            message = "the lockfile is not UTF-8"
            raise LockfileError(Problem(file=name, message=message)) from error
        lockfile = parse_lockfile(text, file=name)
        if lockfile.driver != driver:
            message = f"the lockfile is that of {lockfile.driver}"
            raise LockfileError(Problem(file=name, key="driver", message=message))
        digest = hashlib.sha256(content).hexdigest()
        return StoredLockfile(lockfile=lockfile, digest=f"sha256:{digest}")

    def write(self, lockfile: Lockfile) -> None:
        """Put the driver's lockfile in place, whole."""
        try:
            self.path.mkdir(exist_ok=True)
            sweep(self.path)
            write_atomically(self._file(lockfile.driver), render_lockfile(lockfile).encode())
        except OSError as error:
            name = self.name(lockfile.driver)
            raise HostError(
                Problem(file=name, message=f"cannot write it: {error.strerror}")
            ) from error

    def drivers(self) -> tuple[str, ...]:
        """The drivers that have a lockfile, in name order."""
        return tuple(sorted(file.stem for file in self.path.glob("*.toml")))

    def name(self, driver: str) -> str:
        """The driver's lockfile as messages name it."""
        return f"{self.shown}/{driver}.toml"

    def _file(self, driver: str) -> Path:
        return self.path / f"{driver}.toml"
