"""Wheels without modules, which every host can install.

Some stand for packages of the host, so that uv takes these as given.
One is installed where others cannot be: it shows whether the host or the files are to blame.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from envbuild.requirement.parse import settled_requirements
from envbuild.wheelcache.record import record_digest

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
        requires = settled_requirements(package.requires, target)
        wheel = write_wheel(folder, package.name, package.version, requires)
        lines.append(f"{package.name} @ {wheel.as_uri()}")
    return tuple(lines)


def write_wheel(folder: Path, name: str, version: str, requires: Iterable[str] = ()) -> Path:
    """Write a wheel into a folder; returns its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    fields = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    fields += [f"Requires-Dist: {text}" for text in requires]
    metadata = "".join(f"{line}\n" for line in fields)
    files = {f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": _WHEEL.encode()}
    rows = [f"{path},{record_digest(text)},{len(text)}\n" for path, text in files.items()]
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", f"{''.join(rows)}{info}/RECORD,,\n")
    return wheel
