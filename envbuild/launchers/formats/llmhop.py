"""llmhop: the uv workspace that its `mkUvEnv` reads."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from envbuild.declaration.source import is_source
from envbuild.errors import IndexFailureError, Problem, UsageError
from envbuild.launchers.export import ARGUMENTS, IMAGE, PORT, TARGET, ExportFormat
from envbuild.launchers.fleet import ExportedFile, header, join
from envbuild.launchers.formats.pylock import python_range, target_markers
from envbuild.launchers.formats.quadlet import render_quadlet
from envbuild.launchers.formats.requirements import pinned
from envbuild.launchers.markers import check_distinct
from envbuild.toml_text import toml_string
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver
    from envbuild.lockfile.lockfile import Lockfile


def render_workspace(
    lockfile: Lockfile,
    indexes: Mapping[str, tuple[str, bool]],
    built: Mapping[str, str] = MappingProxyType({}),
) -> ExportedFile:
    """`<driver>/pyproject.toml` with exact pins, of which `uv lock` makes the `uv.lock` beside it.

    `indexes` has the address or folder of every bound index that a package comes from, and whether it is flat;
    `built` the path of each package's built wheel, or of its file in a folder.
    """
    check_distinct(lockfile)
    sourced = ", ".join(
        one.name for one in lockfile.packages if is_source(one.index) and one.name not in built
    )
    if lockfile.inherited:
        message = f"{lockfile.driver} takes packages from the host, which this export cannot name"
        raise UsageError(Problem(message=message, hint="use `export pylock` for this driver"))
    if sourced:
        message = f"{lockfile.driver}: {sourced} comes from a source, which this export cannot name"
        raise UsageError(Problem(message=message, hint="use `export pylock` for this driver"))
    lines = [
        f"# {header('llmhop')}",
        "[project]",
        f"name = {toml_string(f'envbuild-{lockfile.driver}')}",
        'version = "0"',
        f"requires-python = {toml_string(python_range(lockfile))}",
        "dependencies = [",
        *(f"  {toml_string(pinned(package, lockfile))}," for package in lockfile.packages),
        "]",
        "",
        "[tool.uv]",
        "package = false",
        "environments = [",
        *(f"  {toml_string(marker)}," for marker in target_markers(lockfile)),
        "]",
        *_overrides(lockfile),
    ]
    sources = [
        f"{toml_string(one.name)} = {{ path = {toml_string(built[one.name])} }}"
        if one.name in built
        else f"{toml_string(one.name)} = {{ index = {toml_string(one.index)} }}"
        for one in lockfile.packages
        if one.name in built or one.index in indexes
    ]
    if sources:
        lines += ["", "[tool.uv.sources]", *sources]
    for name, (place, is_flat) in indexes.items():
        lines += [
            "",
            "[[tool.uv.index]]",
            f"name = {toml_string(name)}",
            f"url = {toml_string(place)}",
        ]
        lines += ["explicit = true", *(['format = "flat"'] if is_flat else [])]
    return ExportedFile(name=f"{lockfile.driver}/pyproject.toml", text=join(lines))


def check_workspace_lock(lockfile: Lockfile, text: str) -> None:
    """IndexFailureError if `uv.lock` lacks a locked file: the index has changed."""
    missing = [
        file.name
        for package in lockfile.packages
        for file in package.files
        if f"sha256:{file.sha256}" not in text
    ]
    if missing:
        message = f"the index no longer has the files that are locked for {lockfile.driver}"
        hint = "run `envbuild lock`, or point the index at one that has them"
        raise IndexFailureError(Problem(message=message, detail="\n".join(missing), hint=hint))


def _overrides(lockfile: Lockfile) -> list[str]:
    """Every pin as an override, so that the locked version is taken despite overridden requirements."""
    if not lockfile.inputs.overrides:
        return []
    pins = [toml_string(pinned(package, lockfile)) for package in lockfile.packages]
    return ["override-dependencies = [", *(f"  {pin}," for pin in pins), "]"]


def _render(export: Export) -> tuple[ExportedFile, ...]:
    files = render_quadlet(export, format_="llmhop")
    for subject in export.fleet.subjects:
        files += _workspace(export, subject)
    return files


def _workspace(export: Export, subject: BuiltDriver) -> tuple[ExportedFile, ...]:
    driver = subject.entry.name
    lockfile = export.lockfile(driver)
    bound = export.indexes(dict.fromkeys(one.index for one in lockfile.packages))
    folders = {name for name, (place, _) in bound.items() if place.startswith("/")}
    built = _placed(export, lockfile, folders)
    used = dict.fromkeys(one.index for one in lockfile.packages if one.name not in built)
    pyproject = render_workspace(lockfile, export.indexes(used), built)
    text = export.lock_workspace(lockfile, pyproject.text, subject.base_python)
    check_workspace_lock(lockfile, text)
    return (pyproject, ExportedFile(name=f"{driver}/uv.lock", text=text))


def _placed(export: Export, lockfile: Lockfile, folders: Collection[str]) -> dict[str, str]:
    """The path of each built wheel, and of each file of an index that is a folder, for which uv.lock has no hash.

    A package that has several files has no place in a workspace.
    """
    single = tuple(
        one
        for one in lockfile.packages
        if (one.is_built or one.index in folders) and len(one.files) == 1
    )
    places = export.sources(replace(lockfile, packages=single)) if single else {}
    return {one.name: places[one.name].files[one.files[0].name] for one in single}


FORMAT = ExportFormat(
    name="llmhop",
    files="`DRIVER/pyproject.toml` and `uv.lock`, `DRIVER.container`",
    taken_by="`uv sync --frozen`, `uv lock --check`, podman's generator",
    render=_render,
    options=(ARGUMENTS, IMAGE, PORT, TARGET),
    needs_declaration=True,
)
