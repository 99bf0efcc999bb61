"""The folder of lockfiles, `locks/` beside `drivers.toml`."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.errors import HostError, LockfileError, Problem, UsageError
from envbuild.lockfile.first_pins import parse_first_pins, render_first_pins
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.posix.files import FOLDER, sweep, write_atomically, write_if_changed
from envbuild.posix.input_file import (
    MOST_LOCKFILE,
    MOST_PINS,
    RefusedInputError,
    lies_below,
    read_input,
)
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.lockfile.first_pins import FirstPin
    from envbuild.lockfile.lockfile import Lockfile

_NO_FILE = (errno.EISDIR, errno.ELOOP)
"""Errors of a path that is no file; the host is not at fault."""

_MOST_FILES = 10_000
"""The most files in the folder, of any kind."""


_MOST_BYTES = 16 << 20
_MOST_REQUIREMENTS = 200_000
"""The most requirements of all packages; a fleet of six large drivers has about 7,000."""

_MOST_WORK = 1_000_000
"""The most requirements of all packages, each times the targets of its lockfile."""


class Together:
    """Limits the total size of the lockfiles that a command reads; each counts once."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._bytes: dict[str, int] = {}
        self._requirements: dict[str, int] = {}
        self._work: dict[str, int] = {}

    def add_size(self, driver: str, size: int) -> None:
        """Count a file before it is parsed; UsageError if all together are too large."""
        self._bytes[driver] = size
        if sum(self._bytes.values()) > _MOST_BYTES:
            raise self._refused(f"more than {_MOST_BYTES >> 20} MiB")

    def add(self, lockfile: Lockfile) -> None:
        """Count its requirements; UsageError if all together have too many."""
        texts = sum(len(package.requires) for package in lockfile.every_package)
        self._requirements[lockfile.driver] = texts
        self._work[lockfile.driver] = texts * len(lockfile.targets)
        if sum(self._requirements.values()) > _MOST_REQUIREMENTS:
            raise self._refused(f"more than {_MOST_REQUIREMENTS:,} requirements of packages")
        if sum(self._work.values()) > _MOST_WORK:
            raise self._refused(f"more than {_MOST_WORK:,} requirements of packages times targets")

    def _refused(self, amount: str) -> UsageError:
        message = f"all lockfiles together have {amount}, the limit"
        hint = "split the fleet into several declarations, each with its own folder"
        return UsageError(Problem(file=self._shown, message=message, hint=hint))


@value
class StoredLockfile:
    """A lockfile in the folder."""

    lockfile: Lockfile
    digest: str
    """`sha256:` and the hex digest of the file's bytes."""


@value
class LockFolder:
    """Reads and writes the lockfile of each driver."""

    path: Path
    shown: str
    """The folder's name in messages, such as `locks`."""

    together: Together = field(default_factory=lambda: Together("locks"), repr=False)
    """The total of what has been read."""

    def read(self, driver: str) -> StoredLockfile | None:
        """The driver's lockfile; None if there is none, LockfileError if it was changed or damaged.

        UsageError if all lockfiles read so far are too large together.
        """
        name = self.name(driver)
        try:
            content = read_input(self._file(driver), most=MOST_LOCKFILE, within=self.path.parent)
        except FileNotFoundError:
            return None
        except RefusedInputError as error:
            problem = Problem(file=name, message=error.message, hint=error.hint)
            raise LockfileError(problem) from None
        except OSError as error:
            kind = LockfileError if error.errno in _NO_FILE else HostError
            raise kind(Problem(file=name, message=f"cannot read it: {error.strerror}")) from error
        self.together.add_size(driver, len(content))
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            message = "the lockfile is not UTF-8"
            raise LockfileError(Problem(file=name, message=message)) from error
        lockfile = parse_lockfile(text, file=name)
        if lockfile.driver != driver:
            message = f"the lockfile belongs to {lockfile.driver}"
            raise LockfileError(Problem(file=name, key="driver", message=message))
        self.together.add(lockfile)
        return StoredLockfile(lockfile=lockfile, digest=f"sha256:{sha256_hex(content)}")

    def write(self, lockfile: Lockfile) -> None:
        """Write the driver's lockfile atomically; an identical file is not touched."""
        try:
            self.path.mkdir(mode=FOLDER, exist_ok=True)
            sweep(self.path)
            content = render_lockfile(lockfile).encode()
            file = self._file(lockfile.driver)
            write_if_changed(file, content, mode=0o644, keep_mode=True, sync=True)
            self._pins(lockfile.driver).unlink(missing_ok=True)
        except OSError as error:
            from envbuild.posix.shortage import not_written

            raise not_written(self.name(lockfile.driver), error) from error

    def first_pins(self, driver: str) -> tuple[FirstPin, ...]:
        """The pins that an import left for the driver's first resolution; LockfileError if they are damaged."""
        file = self._pins(driver)
        try:
            content = read_input(file, most=MOST_PINS, within=self.path.parent)
            return parse_first_pins(content.decode())
        except FileNotFoundError:
            return ()
        except RefusedInputError as error:
            problem = Problem(file=str(file), message=error.message, hint=error.hint)
            raise LockfileError(problem) from None
        except (OSError, ValueError) as error:
            message = f"the first pins cannot be read: {error}"
            raise LockfileError(
                Problem(file=str(file), message=message, hint="remove the file")
            ) from error

    def write_first_pins(self, driver: str, pins: tuple[FirstPin, ...], *, source: str) -> None:
        """Save pins for the driver's first resolution."""
        file = self._pins(driver)
        try:
            self.path.mkdir(mode=FOLDER, exist_ok=True)
            content = render_first_pins(pins, source=source).encode()
            write_atomically(file, content, keep_mode=True)
        except OSError as error:
            from envbuild.posix.shortage import not_written

            raise not_written(file, error) from error

    def readable(self, drivers: Iterable[str]) -> dict[str, Lockfile]:
        """The lockfiles of drivers, but for those that are missing or damaged."""
        found: dict[str, Lockfile] = {}
        for driver in drivers:
            with suppress(LockfileError):
                stored = self.read(driver)
                if stored is not None:
                    found[driver] = stored.lockfile
        return found

    def drivers(self) -> tuple[str, ...]:
        """The drivers that have a lockfile, ordered by name."""
        if not lies_below(os.path.realpath(self.path), self.path.parent):
            return ()  # another user's folder is not listed
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.path) as entries:
            names = [entry.name for entry in islice(entries, _MOST_FILES + 1)]
            if len(names) > _MOST_FILES:
                message = f"there are more than {_MOST_FILES:,} files in it, the limit"
                raise UsageError(
                    Problem(
                        file=self.shown, message=message, hint="remove files that are not lockfiles"
                    )
                )
            return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))
        return ()

    def name(self, driver: str) -> str:
        """The driver's lockfile, as messages name it."""
        return f"{self.shown}/{driver}.toml"

    def _file(self, driver: str) -> Path:
        return self.path / f"{driver}.toml"

    def _pins(self, driver: str) -> Path:
        return self.path / f"{driver}.pins"
