"""The wheels that a store has built from sources, and that no lockfile names, as layers of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.release.oci import BUILT_WHEEL, OF_BUILD, TITLE, Descriptor
from envbuild.release.uploading import PackedLayer
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.environment.derivation import Derivation
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.wheelcache.built import BuiltWheel, BuiltWheels


def built_wheels(kept: BuiltWheels, derivations: tuple[Derivation, ...]) -> tuple[BuiltWheel, ...]:
    """The intact wheels that environments have from sources, where no lockfile names the wheel itself."""
    files = [file for derivation in derivations for file in derivation.files]
    keys = sorted({file.build for file in files if file.build})
    found = (kept.get(key) for key in keys)
    return tuple(wheel for wheel in found if wheel is not None)


def layers_of(kept: BuiltWheels, wheels: tuple[BuiltWheel, ...]) -> Iterator[PackedLayer]:
    """The layer of each wheel."""
    for wheel in wheels:
        blob = Descriptor(
            media_type=BUILT_WHEEL,
            digest=f"sha256:{wheel.sha256}",
            size=wheel.size,
            annotations=((TITLE, wheel.name), (OF_BUILD, wheel.key)),
        )
        path: Path = kept.root / wheel.key / wheel.name
        yield PackedLayer(blob=blob, opened=lambda path=path: path.open("rb"))  # type: ignore[misc]


def with_wheels(derivation: Derivation, wheels: tuple[BuiltWheel, ...]) -> Derivation:
    """The derivation with the wheels in the place of their sources, as the bytecode cache knows them."""
    by_key = {wheel.key: wheel for wheel in wheels}
    return replace(
        derivation,
        files=tuple(_as_wheel(file, by_key.get(file.build)) for file in derivation.files),
    )


def _as_wheel(file: ChosenFile, wheel: BuiltWheel | None) -> ChosenFile:
    if wheel is None:
        return file
    return replace(file, file=wheel.name, sha256=wheel.sha256, size=wheel.size, build="")
