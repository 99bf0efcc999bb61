"""Hashed requirements, as `pip install --require-hashes` and `uv` take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.export import TARGET, ExportFormat
from envbuild.launchers.fleet import ExportedFile, header, join
from envbuild.launchers.markers import check_distinct
from envbuild.launchers.patch_releases import package_marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile


def render_requirements(lockfile: Lockfile) -> ExportedFile:
    """`requirements.<driver>.txt`: every package exactly, with the sha256 of each of its files."""
    check_distinct(lockfile)
    lines = [f"# {header('requirements')}"]
    for package in lockfile.packages:
        lines += _requirement(package, lockfile)
    return ExportedFile(name=f"requirements.{lockfile.driver}.txt", text=join(lines))


def pinned(package: LockedPackage, lockfile: Lockfile) -> str:
    """`name==version`, with a marker if it is not for every target."""
    marker = package_marker(package, lockfile)
    text = f"{package.name}=={package.version}"
    return f"{text} ; {marker}" if marker else text


def _requirement(package: LockedPackage, lockfile: Lockfile) -> Iterator[str]:
    yield f"{pinned(package, lockfile)} \\"
    hashes = sorted({file.sha256 for file in package.files})
    yield from (f"    --hash=sha256:{sha256} \\" for sha256 in hashes[:-1])
    yield f"    --hash=sha256:{hashes[-1]}"


FORMAT = ExportFormat(
    name="requirements",
    files="`requirements.DRIVER.txt`",
    taken_by="`pip install --require-hashes`, `uv pip sync --require-hashes`",
    render=lambda export: tuple(
        render_requirements(lockfile) for lockfile, _ in export.lockfiles()
    ),
    options=(TARGET,),
    of_lockfiles=True,
)
