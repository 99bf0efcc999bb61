"""Which files share a layer: a package that moves changes its own layer, or one of a few."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from envbuild.image.members import REST, Part
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.image.members import Member

MOST_LAYERS = 100
"""Of an image, those of its base among them; overlay file systems take 127 or 128, and some runtimes fewer."""

LARGE = 8 << 20
"""Bytes of a package that has a layer of its own."""

BUCKETS = 16
"""The layers that all other packages are in, each in that which the digest of its name says."""


@value
class ImageLayer:
    """The members of one layer, without the folders above them."""

    title: str
    members: tuple[Member, ...]


def plan_layers(packages: Mapping[str, Iterable[Member]], *, most: int) -> tuple[ImageLayer, ...]:
    """The layers of an image's environments; `most` is how many there may be, 2 at least.

    What belongs to no package comes last. Which packages have layers of their own depends on sizes alone,
    and for the others the bucket depends on the name alone: other packages do not move them.
    """
    parts = [Part(name=name, members=tuple(members)) for name, members in packages.items()]
    rest = [part for part in parts if part.name == REST]
    buckets = max(min(BUCKETS, most - len(rest)), 1)
    by_size = sorted((p for p in parts if p.name != REST), key=lambda part: (-part.size, part.name))
    own = [part for part in by_size if part.size >= LARGE][: max(most - len(rest) - buckets, 0)]
    shared: dict[int, list[Part]] = {}
    for part in by_size[len(own) :]:
        shared.setdefault(_bucket(part.name, buckets), []).append(part)
    return (
        *(_layer([part], part.name) for part in sorted(own, key=lambda part: part.name)),
        *(_layer(shared[number], f"packages {number}") for number in sorted(shared)),
        *(_layer([part], "environment") for part in rest),
    )


def _layer(parts: list[Part], title: str) -> ImageLayer:
    return ImageLayer(
        title=title, members=tuple(member for part in parts for member in part.members)
    )


def _bucket(name: str, buckets: int) -> int:
    return int(sha256(name.encode()).hexdigest(), 16) % buckets
