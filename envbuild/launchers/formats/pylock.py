"""`pylock.toml` (PEP 751), which pip and uv install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.export import TARGET, ExportFormat
from envbuild.launchers.fleet import ExportedFile, FileSource, header, join
from envbuild.launchers.markers import check_distinct, host_comments
from envbuild.launchers.patch_releases import package_marker
from envbuild.toml_text import toml_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile


def render_pylock(lockfile: Lockfile, sources: Mapping[str, FileSource]) -> ExportedFile:
    """`pylock.<driver>.toml`; `sources` has every package by name."""
    check_distinct(lockfile)
    lines = [
        f"# {header('pylock')}",
        'lock-version = "1.0"',
        'created-by = "envbuild"',
        f"requires-python = {toml_string(python_range(lockfile))}",
        f"environments = [{', '.join(toml_string(text) for text in target_markers(lockfile))}]",
    ]
    lines += host_comments(lockfile)
    for package in lockfile.packages:
        lines += _package(package, lockfile, sources[package.name])
    return ExportedFile(name=f"pylock.{lockfile.driver}.toml", text=join(lines))


def target_markers(lockfile: Lockfile) -> tuple[str, ...]:
    """One marker for each kind of host that it is locked for."""
    texts = []
    for target in lockfile.targets:
        platform = target.platform
        texts.append(
            f"python_version == '{target.minor}' and sys_platform == '{platform.sys_platform}' "
            f"and platform_machine == '{platform.arch}'"
        )
    return tuple(dict.fromkeys(texts))


def python_range(lockfile: Lockfile) -> str:
    """`Requires-Python` of everything that the lockfile is for."""
    minors = sorted({target.minor for target in lockfile.targets}, key=_order)
    if len(minors) == 1:
        return f"=={minors[0]}.*"
    major, _, last = minors[-1].partition(".")
    return f">={minors[0]},<{major}.{int(last) + 1}"


def _order(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


def _package(package: LockedPackage, lockfile: Lockfile, source: FileSource) -> Iterator[str]:
    yield ""
    yield "[[packages]]"
    yield f"name = {toml_string(package.name)}"
    yield f"version = {toml_string(package.version)}"
    marker = package_marker(package, lockfile)
    if marker is not None:
        yield f"marker = {toml_string(marker)}"
    if package.requires_python:
        yield f"requires-python = {toml_string(package.requires_python)}"
    if source.index is not None:
        yield f"index = {toml_string(source.index)}"
    wheels = [file for file in package.files if file.name.endswith(".whl")]
    for file in package.files:
        if file not in wheels:
            yield f"sdist = {_file(file, source)}"
    if wheels:
        yield "wheels = ["
        yield from (f"  {_file(file, source)}," for file in wheels)
        yield "]"


def _file(file: LockedFile, source: FileSource) -> str:
    place = source.files[file.name]
    where = "path" if place.startswith("/") else "url"
    pairs = (
        ("name", toml_string(file.name)),
        (where, toml_string(place)),
        ("size", str(file.size)),
        ("hashes", f"{{ sha256 = {toml_string(file.sha256)} }}"),
    )
    return "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"


def _distinct(lockfile: Lockfile) -> Lockfile:
    """The lockfile itself, before an index is asked for what cannot be rendered."""
    check_distinct(lockfile)
    return lockfile


FORMAT = ExportFormat(
    name="pylock",
    files="`pylock.DRIVER.toml` (PEP 751)",
    taken_by="`pip install -r`, `uv pip sync`",
    render=lambda export: tuple(
        render_pylock(lockfile, export.sources(_distinct(lockfile)))
        for lockfile, _ in export.lockfiles()
    ),
    options=(TARGET,),
)
