"""A layer's bytes: a tar without times and owners, compressed by zstd; the same for the same members."""

from __future__ import annotations

import os
import tarfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, Problem
from envbuild.release.compression import open_for_writing
from envbuild.release.oci import TITLE, Descriptor
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from envbuild.image.members import Member

LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_PIECE = 1 << 20
_HINT = "run `envbuild verify --repair`, and make the image again"


@value
class PackedImageLayer:
    """A layer on the disk."""

    blob: Descriptor
    diff_id: str
    """The digest of the tar before it was compressed."""

    path: Path

    def open(self) -> BinaryIO:
        """The layer's bytes."""
        return self.path.open("rb")


class _Hashing:
    """A writable stream that hashes what is written."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self._digest = sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        """Hash and pass on."""
        self._digest.update(content)
        self.size += len(content)
        self._behind.write(content)
        return len(content)

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return f"sha256:{self._digest.hexdigest()}"


class _Checked:
    """A file that is hashed while it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = sha256()

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        piece = self._stream.read(size)
        self.digest.update(piece)
        return piece


def pack_layer(
    members: Iterable[Member],
    path: Path,
    *,
    title: str,
    time: int,
    media_type: str = LAYER,
    annotations: tuple[tuple[str, str], ...] = (),
) -> PackedImageLayer:
    """Write a layer to a file; every time in it is `time`, in seconds.

    OSError if the disk fails; HostError if a file is not what its environment's receipt says.
    """
    with path.open("wb") as stream:
        compressed = _Hashing(stream)
        with open_for_writing(compressed) as compressor:
            plain = _Hashing(compressor)
            with tarfile.open(
                fileobj=plain,  # type: ignore[call-overload]  # it only writes
                mode="w|",
                format=tarfile.PAX_FORMAT,
                bufsize=_PIECE,
                copybufsize=_PIECE,
            ) as archive:
                _add_all(archive, members, time)
    blob = Descriptor(
        media_type=media_type,
        digest=compressed.digest,
        size=compressed.size,
        annotations=((TITLE, title), *annotations),
    )
    return PackedImageLayer(blob=blob, diff_id=plain.digest, path=path)


def _add_all(archive: tarfile.TarFile, members: Iterable[Member], time: int) -> None:
    first: dict[str, str] = {}
    for member in members:
        entry = tarfile.TarInfo(member.path)
        entry.mode, entry.mtime = member.mode, time
        before = first.setdefault(member.same, member.path) if member.same else member.path
        if member.is_folder:
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        elif member.target:
            entry.type, entry.linkname = tarfile.SYMTYPE, member.target
            archive.addfile(entry)
        elif before != member.path:
            entry.type, entry.linkname = tarfile.LNKTYPE, before
            archive.addfile(entry)
        else:
            _add_file(archive, entry, member)


def _add_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, member: Member) -> None:
    try:
        stream = open(os.fsencode(member.source), "rb")  # noqa: PTH123, SIM115
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise HostError(Problem(file=member.source, message=message, hint=_HINT)) from error
    with stream:
        entry.size = os.fstat(stream.fileno()).st_size
        checked = _Checked(stream)
        if entry.size == member.size:
            archive.addfile(entry, checked)
    is_same = not member.sha256 or checked.digest.hexdigest() == member.sha256
    if entry.size != member.size or not is_same:
        message = "is not what it was when its environment was built"
        raise HostError(Problem(file=member.source, message=message, hint=_HINT))
