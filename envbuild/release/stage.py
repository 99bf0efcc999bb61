"""Blobs on this host: fetched from the places that have them, checked by their digest, kept until they are used."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from envbuild.build.sources import is_locked
from envbuild.lean_json import open_ordinary
from envbuild.posix.file_locks import locked
from envbuild.posix.files import make_private, write_if_changed
from envbuild.posix.shortage import unwritable
from envbuild.posix.workers import Workers
from envbuild.release.layout import LayoutFolder
from envbuild.release.oci import BYTECODE, TITLE, WHEEL
from envbuild.release.place import PlaceError
from envbuild.value import value
from envbuild.wheelcache.linking import UNLINKABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.release.oci import Descriptor
    from envbuild.release.place import Origin

_SIDE_BY_SIDE = 8
_LOCK = "lock"
_PIECE = 1 << 20
_OTHER = "another content than its digest says"
_IN_PLACE = (WHEEL, BYTECODE)
"""What may be used where a folder has it: its digest is compared again when it is unpacked."""


@value
class Lacking:
    """A blob that no place has."""

    blob: Descriptor
    reasons: tuple[str, ...]
    """`PLACE: reason` of each place."""

    @property
    def name(self) -> str:
        """What people call the blob."""
        return _name(self.blob)


class Stage:
    """The blobs of one store; safe for several threads.

    A blob under its own name is whole and checked; the beginning of one is kept, and the next fetch goes on there.
    """

    def __init__(
        self,
        folder: Path,
        origins: Sequence[tuple[str, Origin]],
        *,
        note: Callable[[str], None],
        heard: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        """`origins` with their names, in the order in which they are asked.

        `note` receives warnings, `heard` the bytes that have come and those that are to come.
        """
        self._folder = folder
        self._origins = tuple(origins)
        self._note = note
        self._heard = heard
        self._guard = threading.Lock()
        self._compared: dict[str, Path] = {}
        self.received = 0
        """Bytes that places have sent."""

    def find(self, blob: Descriptor) -> Path | None:
        """A blob that is here as a whole."""
        path = self._compared.get(blob.digest, self._folder / blob.sha256)
        try:
            return path if path.stat().st_size == blob.size else None
        except OSError:
            return None

    def has_compared(self, blob: Descriptor) -> bool:
        """Whether a blob was compared with its digest since this stage was made."""
        return blob.digest in self._compared

    def fetch(self, blobs: Iterable[Descriptor], *, in_place: bool = False) -> tuple[Lacking, ...]:
        """Fetch what is not here, side by side; the blobs that no place gave. HostError if the disk fails.

        With `in_place`, wheels and bytecode of a folder are compared and left there: they are used now.
        """
        missing = [blob for blob in {b.digest: b for b in blobs}.values() if not self.find(blob)]
        if not missing:
            return ()
        total = sum(blob.size for blob in missing)
        try:
            make_private(self._folder)
            with locked(self._folder / _LOCK), Workers(max_workers=_SIDE_BY_SIDE) as pool:
                found = list(pool.map(lambda blob: self._fetch(blob, total, in_place), missing))
        except OSError as error:
            raise unwritable(self._folder, error) from error
        return tuple(lacking for lacking in found if lacking is not None)

    def read(self, blob: Descriptor) -> bytes | None:
        """A blob's bytes, checked; None if it is not here, or was changed here."""
        path = self.find(blob)
        if path is None:
            return None
        try:
            with open(open_ordinary(path, most=blob.size), "rb", buffering=0) as stream:  # noqa: PTH123
                content = stream.read(blob.size)
        except OSError:
            return None
        return content if sha256(content).hexdigest() == blob.sha256 else None

    def recall(self, name: str) -> bytes | None:
        """What was kept under a name, or None."""
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def keep(self, name: str, content: bytes) -> None:
        """Keep a small file, so that it need not be asked for again."""
        with suppress(OSError):  # a file that is not kept costs a request
            make_private(self._folder)
            write_if_changed(self._folder / name, content)

    def forget_others(self, kept: Collection[str]) -> None:
        """Remove everything but the files with these names: the caches have it by now."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.name not in (*kept, _LOCK):
                    path.unlink()

    def _fetch(self, blob: Descriptor, total: int, in_place: bool) -> Lacking | None:
        if self.find(blob) is not None:  # another process has fetched it meanwhile
            return None
        reasons: list[str] = []
        for name, origin in self._origins:
            if in_place and isinstance(origin, LayoutFolder) and blob.media_type in _IN_PLACE:
                reason = self._compare(name, origin, blob, total)
            else:
                reason = self._try(name, origin, blob, total)
            if reason is None:
                return None
            reasons.append(f"{name}: {reason}")
        return Lacking(blob=blob, reasons=tuple(reasons))

    def _compare(self, name: str, folder: LayoutFolder, blob: Descriptor, total: int) -> str | None:
        """Why a folder's blob is not used where it is; None if it is what its digest says."""
        digest, size = sha256(), 0
        try:
            for piece in folder.read(blob, 0):
                size += len(piece)
                if size > blob.size:
                    break
                digest.update(piece)
                self._count_in(len(piece), total)
        except PlaceError as error:
            return str(error)
        if size < blob.size:
            return "it was cut off"
        if digest.hexdigest() != blob.sha256:
            self._note(f"warning: {name}: {_name(blob)} has {_OTHER}, and is passed over")
            return _OTHER
        self._compared[blob.digest] = folder.file_of(blob)
        return None

    def _try(self, name: str, origin: Origin, blob: Descriptor, total: int) -> str | None:
        """Why a place did not give a blob; None if it did."""
        part = self._part(blob)
        digest = sha256()
        size = _take_in(part, digest.update)
        if size > blob.size:
            part.unlink()
            return self._try(name, origin, blob, total)
        try:
            with part.open("ab") as stream:
                for piece in origin.read(blob, size) if size < blob.size else ():
                    size += len(piece)
                    if size > blob.size:
                        break
                    stream.write(piece)
                    digest.update(piece)
                    self._count_in(len(piece), total)
        except PlaceError as error:
            return str(error)
        if size < blob.size:
            return "it was cut off"
        if digest.hexdigest() != blob.sha256:
            part.unlink()
            self._note(f"warning: {name}: {_name(blob)} has {_OTHER}, and was thrown away")
            return _OTHER
        path = self._folder / blob.sha256
        part.replace(path)
        self._compared[blob.digest] = path
        return None

    def _count_in(self, size: int, total: int) -> None:
        with self._guard:
            self.received += size
            count = self.received
        self._heard(min(count, total), total)

    def _part(self, blob: Descriptor) -> Path:
        return self._folder / f"{blob.sha256}.part"


def _take_in(part: Path, update: Callable[[bytes], object]) -> int:
    """Hash the beginning that is here; its size."""
    size = 0
    with suppress(FileNotFoundError), part.open("rb") as stream:
        while piece := stream.read(_PIECE):
            update(piece)
            size += len(piece)
    return size


def _name(blob: Descriptor) -> str:
    return blob.annotation(TITLE)[:200] or blob.digest


@value
class StagedWheels:
    """Staged wheels, as a place with locked wheels (`envbuild.build.sources.Source`)."""

    stage: Stage
    wheels: dict[str, Descriptor]
    """By sha256."""

    def fetch(self, file: ChosenFile, folder: Path) -> Path | None:
        """A link of the locked name to the staged wheel."""
        blob = self.wheels.get(file.sha256)
        found = self.stage.find(blob) if blob is not None else None
        if found is None:
            return None
        path = folder / file.file
        try:
            os.link(found, path)
        except FileExistsError:
            return path
        except OSError as error:
            if error.errno not in UNLINKABLE:
                raise
            path.symlink_to(found)
        return path

    def is_locked(self, path: Path, file: ChosenFile) -> bool:
        """As `envbuild.build.sources.is_locked`; what this command has compared is not read again."""
        return self.stage.has_compared(self.wheels[file.sha256]) or is_locked(path, file)
