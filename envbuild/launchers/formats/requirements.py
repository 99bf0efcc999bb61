"""Hashed requirements, as `pip install --require-hashes` and `uv` take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.declaration.source import is_source
from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import TARGET, ExportFormat
from envbuild.launchers.fleet import ExportedFile, header, join
from envbuild.launchers.markers import check_distinct
from envbuild.launchers.patch_releases import package_marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import FileSource
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile


def render_requirements(lockfile: Lockfile, export: Export | None = None) -> ExportedFile:
    """`requirements.<driver>.txt`: every package exactly, with the sha256 of each of its files.

    A package with a source has its address: UsageError if it has several, as a requirement names one.
    """
    check_distinct(lockfile)
    sourced = [package for package in lockfile.packages if is_source(package.index)]
    places = export.sources(lockfile) if export is not None and sourced else {}
    lines = [f"# {header('requirements')}"]
    for package in lockfile.packages:
        address = _address(package, places) if package in sourced else None
        lines += _requirement(package, lockfile, address)
    return ExportedFile(name=f"requirements.{lockfile.driver}.txt", text=join(lines))


def pinned(package: LockedPackage, lockfile: Lockfile) -> str:
    """`name==version`, with a marker if it is not for every target."""
    marker = package_marker(package, lockfile)
    text = f"{package.name}=={package.version}"
    return f"{text} ; {marker}" if marker else text


def _address(package: LockedPackage, places: Mapping[str, FileSource]) -> str:
    if len(package.files) > 1:
        message = (
            f"a requirement has one address, and {package.name} has {len(package.files)} files"
        )
        hint = "name one target with --target; `export pylock` takes all of them"
        raise UsageError(Problem(message=message, hint=hint))
    place = places[package.name].files[package.files[0].name]
    return Path(place).as_uri() if place.startswith("/") else place


def _requirement(package: LockedPackage, lockfile: Lockfile, address: str | None) -> Iterator[str]:
    text = pinned(package, lockfile)
    if address is not None:
        text = text.replace(f"=={package.version}", f" @ {address}", 1)
    yield f"{text} \\"
    hashes = sorted({file.sha256 for file in package.files})
    yield from (f"    --hash=sha256:{sha256} \\" for sha256 in hashes[:-1])
    yield f"    --hash=sha256:{hashes[-1]}"


FORMAT = ExportFormat(
    name="requirements",
    files="`requirements.DRIVER.txt`",
    taken_by="`pip install --require-hashes`, `uv pip sync --require-hashes`",
    render=lambda export: tuple(
        render_requirements(lockfile, export) for lockfile, _ in export.lockfiles()
    ),
    options=(TARGET,),
    of_lockfiles=True,
)
