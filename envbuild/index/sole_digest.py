"""The one sha256 of a file that a resolution chose."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, cast

from envbuild.index.answer import Fault, bad_answer
from envbuild.index.metadata import two_contents
from envbuild.index.page import IndexFile

if TYPE_CHECKING:
    from envbuild.index.locations import IndexLocation
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import ListedFile


def sole_digest(client: IndexClient, location: IndexLocation, file: ListedFile) -> str:
    """The file's sha256; computed from its content if its page has only other digests.

    IndexAnswerError if the page lists several files under the name,
    or the content does not have the page's digest.
    """
    if len(file.hashes) > 1:
        digests = tuple(dict(hashes).get("sha256") for hashes in file.hashes)
        raise two_contents(location, file.package, file.name, digests)
    known = dict(file.hashes[0])
    return known.get("sha256") or _computed(client, location, file, known)


def _computed(
    client: IndexClient, location: IndexLocation, file: ListedFile, known: dict[str, str]
) -> str:
    usual = {kind: hashlib.new(kind) for kind in known if kind in hashlib.algorithms_guaranteed}
    # the resolution may have seen a router's address, which is not the index's
    listed = client.project_page(location, file.package).file(file.name)
    listed = listed or IndexFile(filename=file.name, url=file.url)
    sink = cast("BinaryIO", _Hashing(tuple(usual.values())))
    sha256, _ = client.download(location, file.package, listed, sink)
    for kind, digest in usual.items():
        if digest.digest_size and digest.hexdigest() != known[kind].lower():
            reason = f"its page says {kind} {known[kind][:12]}…, its content has another"
            raise bad_answer(Fault.CHANGED, location, file.package, file.name, reason)
    return sha256


class _Hashing:
    """A sink that only updates several digests."""

    def __init__(self, digests: tuple[hashlib._Hash, ...]) -> None:
        self._digests = digests

    def write(self, piece: bytes) -> int:
        for digest in self._digests:
            digest.update(piece)
        return len(piece)
