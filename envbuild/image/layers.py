"""Which files share a layer: a package that moves changes its own layer, or one of a few."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from envbuild.image.members import REST
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


def plan_layers(packages: Mapping[str, Sequence[Member]], *, most: int) -> tuple[ImageLayer, ...]:
    """The layers of an image's environments; `most` is how many there may be, 2 at least.

    What belongs to no package comes last. Which packages have layers of their own depends on sizes alone,
    and for the others the bucket depends on the name alone: other packages do not move them.
    """
    sizes = {name: sum(one.size for one in members) for name, members in packages.items()}
    rest = [name for name in sizes if name == REST]
    by_size = sorted(
        (name for name in sizes if name != REST), key=lambda name: (-sizes[name], name)
    )
    buckets = max(min(BUCKETS, most - len(rest)), 1)
    large = [name for name in by_size if sizes[name] >= LARGE]
    own = large[: max(most - len(rest) - buckets, 0)]
    shared: dict[int, list[str]] = {}
    for name in by_size[len(own) :]:
        shared.setdefault(_bucket(name, buckets), []).append(name)

    def layer(title: str, names: Iterable[str]) -> ImageLayer:
        members = tuple(member for name in names for member in packages[name])
        return ImageLayer(title=title, members=members)

    return (
        *(layer(name, (name,)) for name in sorted(own)),
        *(layer(f"packages {number}", shared[number]) for number in sorted(shared)),
        *(layer("environment", (name,)) for name in rest),
    )


def _bucket(name: str, buckets: int) -> int:
    return int(sha256(name.encode()).hexdigest(), 16) % buckets
