"""What changed from one generation to the next."""

from __future__ import annotations

from envbuild.lockfile.difference import Change, DriverDiff, moved_packages
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.store.manifest import Manifest, ManifestDriver


@value
class Generation:
    """One generation of a store, for `history`."""

    number: int
    current: bool
    manifest: Manifest | None
    """None if it cannot be read."""

    changes: tuple[DriverDiff, ...]
    """What changed from the nearest earlier generation that can be read."""


def tell_history(
    manifests: tuple[tuple[int, Manifest | None], ...], current: int | None
) -> tuple[Generation, ...]:
    """Every generation by number, regardless of dates, with its changes."""
    told: list[Generation] = []
    before: Manifest | None = None
    for number, manifest in sorted(manifests, key=lambda pair: pair[0]):
        changes = tuple(compare_manifests(before, manifest)) if manifest is not None else ()
        told.append(
            Generation(number=number, current=number == current, manifest=manifest, changes=changes)
        )
        before = manifest or before
    return tuple(told)


def compare_manifests(before: Manifest | None, after: Manifest) -> Iterator[DriverDiff]:
    """Each driver that is new, gone, or in another environment, in name order."""
    old = {driver.name: driver for driver in before.drivers} if before is not None else {}
    new = {driver.name: driver for driver in after.drivers}
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        if one is None or other is None or one.key != other.key or one.version != other.version:
            yield _difference(name, one, other)


def _difference(
    name: str, before: ManifestDriver | None, after: ManifestDriver | None
) -> DriverDiff:
    kind, changes = "added" if before is None else "removed", tuple[Change, ...]()
    if before is not None and after is not None:
        kind = "changed"
        changes = tuple(moved_packages(dict(before.packages), dict(after.packages)))
    return DriverDiff(
        driver=name,
        kind=kind,
        before=before.version if before is not None else None,
        after=after.version if after is not None else None,
        changes=changes,
        download=None,
    )
