"""Hashed requirements, as `pip install --require-hashes`, `pip-sync` and `uv` take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.declaration.source import is_source
from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import TARGET, ExportFormat, Option
from envbuild.launchers.fleet import ExportedFile, header, join
from envbuild.launchers.markers import check_distinct, host_comments
from envbuild.launchers.patch_releases import package_marker
from envbuild.requirement.parse import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import FileSource
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile


ANNOTATE = Option(
    name="annotate",
    metavar=None,
    help="say of each package who requires it, as pip-compile does",
)


_BUILT = "# with wheels that were built: --find-links DIR, after `envbuild build --out DIR`"


def render_requirements(
    lockfile: Lockfile, export: Export | None = None, *, annotate: bool = False
) -> ExportedFile:
    """`requirements.<driver>.txt`: every package exactly, with the sha256 of each of its files.

    A package with a source has its address: UsageError if it has several, as a requirement names one.
    A built wheel has none: the installing user names the folder that has it.
    """
    check_distinct(lockfile)
    sourced = [
        package
        for package in lockfile.packages
        if is_source(package.index) and not package.is_built
    ]
    places = export.sources(lockfile) if export is not None and sourced else {}
    lines = [f"# {header('requirements --annotate' if annotate else 'requirements')}"]
    lines += host_comments(lockfile)
    if any(package.is_built_wheel(file) for package in lockfile.packages for file in package.files):
        lines.append(_BUILT)
    extras = _extras(lockfile) if annotate else {}
    for package in lockfile.packages:
        address = _address(package, places) if package in sourced else None
        lines += _requirement(package, lockfile, address, extras.get(package.name, ""))
        lines += _via(package, lockfile) if annotate else ()
    return ExportedFile(name=f"requirements.{lockfile.driver}.txt", text=join(lines))


def _extras(lockfile: Lockfile) -> dict[str, str]:
    """`[one,two]` for each package of which the driver requires extras, as pip-compile keeps them."""
    found: dict[str, set[str]] = {}
    for wanted in map(parse_requirement, lockfile.inputs.all_requires):
        found.setdefault(wanted.name, set()).update(wanted.extras)
    return {name: f"[{','.join(sorted(extras))}]" for name, extras in found.items() if extras}


def _via(package: LockedPackage, lockfile: Lockfile) -> list[str]:
    """Who requires a package; the driver's own file as pip-compile names a project's."""
    own = f"{lockfile.driver} (drivers.toml)"
    sources = sorted(own if name == "." else name for name in package.required_by)
    if len(sources) == 1:
        return [f"    # via {sources[0]}"]
    return ["    # via", *(f"    #   {source}" for source in sources)] if sources else []


def pinned(package: LockedPackage, lockfile: Lockfile, extras: str = "") -> str:
    """`name==version`, with a marker if it is not for every target."""
    marker = package_marker(package, lockfile)
    text = f"{package.name}{extras}=={package.version}"
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


def _requirement(
    package: LockedPackage, lockfile: Lockfile, address: str | None, extras: str
) -> Iterator[str]:
    text = pinned(package, lockfile, extras)
    if address is not None:
        text = text.replace(f"=={package.version}", f" @ {address}", 1)
    yield f"{text} \\"
    hashes = sorted({file.sha256 for file in package.files})
    yield from (f"    --hash=sha256:{sha256} \\" for sha256 in hashes[:-1])
    yield f"    --hash=sha256:{hashes[-1]}"


FORMAT = ExportFormat(
    name="requirements",
    files="`requirements.DRIVER.txt`",
    taken_by="`pip install --require-hashes`, `pip-sync`, `uv pip sync --require-hashes`",
    render=lambda export: tuple(
        render_requirements(lockfile, export, annotate=ANNOTATE.name in export.request.options)
        for lockfile, _ in export.lockfiles()
    ),
    options=(TARGET, ANNOTATE),
)
