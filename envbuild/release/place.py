"""Places that hold releases: the ports to read and to write one, and how a user names them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import Problem, UsageError
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from envbuild.release.oci import Descriptor

    Opener = Callable[[], AbstractContextManager[BinaryIO]]
    """Opens the bytes of a blob."""

LATEST = "latest"

_REFERENCE = re.compile(
    r"(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)"
    r"/(?P<repository>[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*)"
    r"(?P<rest>[:@].*)?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class PlaceError(Exception):
    """A place did not return, or did not accept, what was requested; its text is the end of a sentence."""


class Origin(Protocol):
    """A place that a release is read from; several threads may ask at once. Errors are PlaceErrors."""

    def manifest(self, tag: str | None = None) -> bytes | None:
        """The bytes of the release's manifest, or of that with a tag; None if there is none."""
        ...

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """The bytes of a blob from a position, in pieces; nobody has checked them."""
        ...


class Destination(Protocol):
    """A place that a release is written to. Errors are PlaceErrors."""

    def manifest(self, tag: str | None = None) -> bytes | None:
        """As in `Origin`."""
        ...

    def lacks(self, blob: Descriptor) -> bool:
        """Whether a blob must be put."""
        ...

    def put(self, blob: Descriptor, opened: Opener) -> None:
        """Put a blob; several threads may put at once."""
        ...

    def finish(self, manifests: tuple[tuple[str | None, bytes], ...]) -> None:
        """Make manifests readable: each with its tag or digest, None for the place's own tag, which comes last."""
        ...


@value
class Address:
    """A place as a user names it."""

    kind: str
    """`dir`, `tar`, `oci` or `web`."""

    text: str
    """As the user wrote it."""

    path: str = ""
    """Of a folder or a tar; of a web root the URL without a final slash."""

    host: str = ""
    """Of a registry, with its port if one is given."""

    repository: str = ""
    tag: str = LATEST


def parse_address(text: str, *, key: str) -> Address:
    """`dir:PATH`, `tar:PATH`, `oci://HOST/REPOSITORY:TAG`, `https://…` → value.

    UsageError, for the option or setting `key`, says what cannot be an address.
    """
    kind, colon, rest = text.partition(":")
    if kind in ("dir", "tar") and rest:
        return Address(kind=kind, text=text, path=rest)
    if kind in ("https", "http") and rest.startswith("//") and len(rest) > 2:
        return Address(kind="web", text=text, path=text.rstrip("/"))
    if kind == "oci" and rest.startswith("//"):
        return _registry(text, rest[2:], key)
    hint = "write dir:PATH, tar:PATH, oci://HOST/REPOSITORY:TAG, or to read from https://…"
    what = "names no place" if colon else "does not say what kind of place it is"
    raise UsageError(Problem(key=key, message=f"{text!r} {what}", hint=hint))


def parse_image_address(text: str, *, key: str) -> Address:
    """`oci-layout:DIR` or `oci://HOST/REPOSITORY:TAG` → where an image is written; UsageError for anything else."""
    kind, _, rest = text.partition(":")
    if kind == "oci-layout" and rest:
        return Address(kind="dir", text=text, path=rest)
    if kind == "oci" and rest.startswith("//"):
        return _registry(text, rest[2:], key)
    hint = "write oci-layout:DIR or oci://HOST/REPOSITORY:TAG"
    raise UsageError(Problem(key=key, message=f"{text!r} names no place for an image", hint=hint))


def parse_base(text: str, *, key: str) -> tuple[Address, str]:
    """`oci://HOST/REPOSITORY@sha256:…` or `oci-layout:DIR@sha256:…` → the place and the digest.

    UsageError without a digest: under a tag there may be another image tomorrow.
    """
    place, _, digest = text.rpartition("@")
    if _DIGEST.fullmatch(digest) is None or not place:
        message = f"{text!r} does not name an image by its digest"
        hint = "write oci://HOST/REPOSITORY@sha256:… or oci-layout:DIR@sha256:…; `skopeo inspect` tells the digest"
        raise UsageError(Problem(key=key, message=message, hint=hint))
    return replace(parse_image_address(place, key=key), text=text), digest


def _registry(text: str, rest: str, key: str) -> Address:
    match = _REFERENCE.fullmatch(rest)
    hint = "write oci://HOST/REPOSITORY:TAG, such as oci://registry.example.com/fleet:ring-1"
    if match is None:
        message = f"{text!r} does not name a repository of a registry"
        raise UsageError(Problem(key=key, message=message, hint=hint))
    mark = match["rest"] or f":{LATEST}"
    if mark.startswith("@") or "@" in mark or mark[1:].startswith("sha256:"):
        message = f"{text!r} names a digest, and what is written and followed has a tag"
        raise UsageError(Problem(key=key, message=message, hint=hint))
    if _TAG.fullmatch(mark[1:]) is None:
        message = f"{mark[1:]!r} cannot be a tag"
        raise UsageError(Problem(key=key, message=message, hint=hint))
    return Address(
        kind="oci", text=text, host=match["host"], repository=match["repository"], tag=mark[1:]
    )


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = host.rpartition(":")[0] if re.fullmatch(r".*:\d+", host) else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
