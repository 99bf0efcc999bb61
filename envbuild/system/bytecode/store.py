"""Where compiled modules are kept: one folder for each wheel and interpreter, whole or absent."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.bytecode import parse_entry, render_entry
from envbuild.system.files import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.bytecode import BytecodeEntry

_INDEX = "entry.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class BytecodeStore:
    """The entries of one interpreter, by the wheel's sha256.

    An entry's folder holds the bytecode under numbers, and an index that tells their digests.
    Nothing in an entry is ever changed: it is renamed into place and renamed away, as a whole.
    """

    root: Path
    """The folder of the interpreter, such as `<store>/cache/bytecode/cpython-312-…`."""

    def folder(self, wheel: str) -> Path:
        """Where a wheel's bytecode lies."""
        return self.root / wheel

    def read(self, wheel: str) -> BytecodeEntry | None:
        """A wheel's entry, its files not looked at yet; None where there is none that can be read."""
        try:
            text = (self.folder(wheel) / _INDEX).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        return parse_entry(text)

    @contextmanager
    def compiling(self, wheel: str, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock of a wheel's entry, against other threads as well as other processes.

        HostError where another holds it, unless that is to be waited for.
        """
        locks = self.root / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(locks / wheel, timeout=None if wait else 0):
            yield

    def begin(self, wheel: str) -> Path:
        """An empty folder to compile into; the caller holds `compiling`."""
        for left in self.root.glob(f".{wheel}.*"):  # by a sync that was killed
            shutil.rmtree(left, ignore_errors=True)
        scratch = self.root / f".{wheel}.{secrets.token_hex(4)}"
        scratch.mkdir(mode=0o700)
        return scratch

    def publish(self, wheel: str, scratch: Path, entry: BytecodeEntry) -> None:
        """Make a compiled folder the wheel's entry; the caller holds `compiling`."""
        (scratch / _INDEX).write_text(render_entry(entry), encoding="ascii")
        self.discard(wheel)
        scratch.rename(self.folder(wheel))

    def discard(self, wheel: str) -> None:
        """Remove an entry; environments that link its files keep them."""
        old = self.root / f".{wheel}.{secrets.token_hex(4)}"
        try:
            self.folder(wheel).rename(old)
        except FileNotFoundError:
            return
        shutil.rmtree(old, ignore_errors=True)


def unused_entries(root: Path) -> tuple[Path, ...]:
    """Below `<store>/cache/bytecode`, the folders that may go, because no environment links their files.

    What killed syncs left is among them. Nobody may be building meanwhile.
    """
    return tuple(
        entry
        for interpreter in sorted(root.glob("*/"))
        for entry in sorted(interpreter.iterdir())
        if entry.name != "locks" and (entry.name.startswith(".") or not _is_linked(entry))
    )


def _is_linked(entry: Path) -> bool:
    with os.scandir(entry) as files:
        return any(file.stat(follow_symlinks=False).st_nlink > 1 for file in files)
