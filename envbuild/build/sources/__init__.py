"""Places with locked wheels, in addition to the indexes: one file for each kind."""

from __future__ import annotations

import os
import stat
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

from envbuild.digest import stream_sha256
from envbuild.errors import Problem, UsageError
from envbuild.posix.shortage import pass_shortage_on
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Opening never blocks, even if the place has a pipe."""


RELEASE = "release"
"""The kind of a source that is not asked for wheels alone: `sync` follows it (`envbuild.release`)."""


class Source(Protocol):
    """One place.

    One that has compared files with their digest in this command has an `is_locked` of its own.
    """

    def fetch(self, file: ChosenFile, folder: Path) -> Path | None:
        """A local file that should be the locked one: the place's own, or a copy in the folder.

        It has the locked name. None if the place does not have it; OSError if it cannot be read.
        The caller checks the content.
        """
        ...


@value
class SourceKind:
    """A kind of places, as `KIND` of its file."""

    name: str
    """The key in a store's settings."""

    open: Callable[[str], Source]
    """The place at an address; UsageError if there can be no such address."""


@value
class Sources:
    """The places of a host, in the order in which they are asked."""

    places: tuple[tuple[str, Source], ...] = ()
    """Each with a name for messages."""

    note: Callable[[str], None] = lambda _: None
    """Receives warnings."""

    def fetch(self, files: Iterable[ChosenFile], folder: Path) -> dict[str, Path]:
        """The files that a place has as locked, by sha256. Copies are made in the folder."""
        found = ((file.sha256, self._fetch(file, folder)) for file in files)
        return {sha256: path for sha256, path in found if path is not None}

    def _fetch(self, file: ChosenFile, folder: Path) -> Path | None:
        for name, place in self.places:
            try:
                path = place.fetch(file, folder)
                if path is None:
                    continue
                if getattr(place, "is_locked", is_locked)(path, file):
                    return path
                reason = "is not the locked file"
            except OSError as error:
                pass_shortage_on(error)
                reason = f"cannot be read ({error.strerror})"
            self.note(f"warning: {name}: {file.file} {reason}; it is taken from elsewhere")
        return None


def open_sources(
    declared: Sequence[tuple[str, str]], *, file: str, note: Callable[[str], None]
) -> Sources:
    """The places that a store's settings name, each by its kind and its address; UsageError for an unknown kind."""
    kinds = {kind.name: kind for kind in _all_kinds()} if declared else {}
    hint = f"there are: {', '.join(sorted((*kinds, RELEASE)))}"
    declared = [(name, address) for name, address in declared if name != RELEASE]
    unknown = [
        Problem(file=file, key="source", message=f"{name!r} is not a kind of source", hint=hint)
        for name, _ in declared
        if name not in kinds
    ]
    if unknown:
        raise UsageError(unknown)
    places = ((f"{name} {address}", kinds[name].open(address)) for name, address in declared)
    return Sources(places=tuple(places), note=note)


def _all_kinds() -> tuple[SourceKind, ...]:
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return tuple(cast("SourceKind", module.KIND) for module in modules)


def is_locked(path: Path, file: ChosenFile) -> bool:
    """Whether a path is an ordinary file with the locked content; OSError if it cannot be read."""
    with open(os.open(path, _READ), "rb", buffering=0) as stream:  # noqa: PTH123
        status = os.fstat(stream.fileno())
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_size == file.size
            and stream_sha256(stream) == file.sha256
        )
