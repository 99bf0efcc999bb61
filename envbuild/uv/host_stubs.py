"""Wheels without modules that stand for packages of the host, so that uv takes these as given."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from envbuild.requirement.parse import settled_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.lockfile.lockfile import LockedPackage
    from envbuild.target.target import Target

_WHEEL = "Wheel-Version: 1.0\nGenerator: envbuild\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_stubs(packages: Iterable[LockedPackage], target: Target, folder: Path) -> tuple[str, ...]:
    """Write a wheel for each package; returns constraints that name these wheels.

    A constraint with a URL leaves uv no other version, and ranges of other packages still count.
    """
    lines = []
    for package in packages:
        folder.mkdir(exist_ok=True)
        stem = f"{package.name.replace('-', '_')}-{package.version}"
        wheel = folder / f"{stem}-py3-none-any.whl"
        requires = settled_requirements(package.requires, target)
        metadata = "".join(
            (
                f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n",
                *(f"Requires-Dist: {text}\n" for text in requires),
            )
        )
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{stem}.dist-info/METADATA", metadata)
            archive.writestr(f"{stem}.dist-info/WHEEL", _WHEEL)
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        lines.append(f"{package.name} @ {wheel.as_uri()}")
    return tuple(lines)
