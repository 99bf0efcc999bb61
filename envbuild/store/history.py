"""What changed from one generation to the next."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.store.manifest import Manifest, ManifestDriver


@value
class DriverChange:
    """One driver that is not as it was."""

    driver: str
    before: str | None
    """The version before; None where the driver is new."""

    after: str | None
    """The version after; None where the driver was dropped."""

    packages: tuple[tuple[str, str | None, str | None], ...]
    """Each package whose version moved: name, version before, version after."""

    rebuilt: bool
    """Whether its environment is another one."""


@value
class Generation:
    """One generation of a store, as `history` tells of it."""

    number: int
    current: bool
    manifest: Manifest | None
    """None where it cannot be read."""

    changes: tuple[DriverChange, ...]
    """What changed from the nearest earlier generation that can be read."""


def tell_history(
    manifests: tuple[tuple[int, Manifest | None], ...], current: int | None
) -> tuple[Generation, ...]:
    """Every generation by number, whatever the dates say, with what changed."""
    told: list[Generation] = []
    before: Manifest | None = None
    for number, manifest in sorted(manifests, key=lambda pair: pair[0]):
        changes = tuple(compare_manifests(before, manifest)) if manifest is not None else ()
        told.append(
            Generation(number=number, current=number == current, manifest=manifest, changes=changes)
        )
        before = manifest or before
    return tuple(told)


def compare_manifests(before: Manifest | None, after: Manifest) -> Iterator[DriverChange]:
    """Each driver that is new, gone, or in another environment, in name order."""
    old = {driver.name: driver for driver in before.drivers} if before is not None else {}
    new = {driver.name: driver for driver in after.drivers}
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        if one is None or other is None or one.key != other.key or one.version != other.version:
            yield _change(name, one, other)


def _change(name: str, before: ManifestDriver | None, after: ManifestDriver | None) -> DriverChange:
    return DriverChange(
        driver=name,
        before=before.version if before is not None else None,
        after=after.version if after is not None else None,
        packages=_moved(before, after) if before is not None and after is not None else (),
        rebuilt=before is not None and after is not None,
    )


def _moved(
    before: ManifestDriver, after: ManifestDriver
) -> tuple[tuple[str, str | None, str | None], ...]:
    old, new = dict(before.packages), dict(after.packages)
    names = sorted({*old, *new})
    return tuple(
        (name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    )
