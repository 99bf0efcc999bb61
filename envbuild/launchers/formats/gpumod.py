"""gpumod: a patch for a service's preset, a drop-in for a command without a key there, or its global settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ARGUMENTS, UNIT, ExportFormat, Option
from envbuild.launchers.fleet import ExportedFile, check_path, header, join
from envbuild.launchers.formats.systemd import drop_in, tail
from envbuild.requirement.parse import holds, parse_requirement
from envbuild.target.target import Target, parse_platform
from envbuild.yaml_text import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.declaration.driver import Driver
    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

TEMPLATE_COMMAND = "vllm"
"""The only command whose path gpumod's unit templates take from a preset (`unit_vars.vllm_bin`)."""

_SETTINGS = {"vllm": "vllm_bin", "uvicorn": "uvicorn_bin"}
"""Commands whose path gpumod's templates take from its settings, for services that name none."""

_INSERT = (
    "INSERT INTO settings (key, value, description) VALUES ('{key}', '{path}', '{about}') "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, description = excluded.description, "
    "updated_at = CURRENT_TIMESTAMP;"
)
"""None of its values can have a quote: a path is checked, and a driver's name has letters, digits and hyphens."""

_SETTINGS_OPTION = Option(
    name="settings",
    metavar=None,
    help="write gpumod's global settings, as SQL, in place of presets",
)


def render_gpumod(
    fleet: BuiltFleet, *, arguments: tuple[str, ...] | None, unit: tuple[str, str] | None
) -> tuple[ExportedFile, ...]:
    """A preset patch for every driver; a drop-in for the named unit if the command is not vllm."""
    files: list[ExportedFile] = []
    for subject in fleet.subjects:
        files.append(_patch(subject, stable=fleet.stable))
        if not _has_key(subject) and unit is not None:
            words = tail(arguments, unit)
            files.append(drop_in(subject, stable=fleet.stable, unit=unit[0], tail=words))
    return tuple(files)


def patch_values(subject: BuiltDriver, *, stable: bool) -> dict[str, dict[str, str]]:
    """The preset's entries: `unit_vars.vllm_bin`, and `compat` with the declaration's ranges.

    Templates of other commands ignore `vllm_bin`, but `gpumod doctor venv`, which a unit with `compat` runs first,
    finds the environment by it alone.
    """
    binary = check_path(subject.binary(stable=stable), "gpumod")
    values = {"unit_vars": {"vllm_bin": binary}}
    assert subject.declared is not None
    compat = dict(_compat(subject.declared, subject.entry.python_version, subject.entry.variant))
    if compat:
        values["compat"] = compat
    return values


def compare_preset(
    preset: object, wanted: dict[str, dict[str, str]], *, file: str
) -> tuple[str, ...]:
    """The differences of a parsed preset from the patch; UsageError if it is no preset."""
    if not isinstance(preset, dict):
        raise UsageError(Problem(file=file, message="a preset is a YAML mapping"))
    said: list[str] = []
    if "extra_config" in preset:
        said.append(
            "extra_config: gpumod refuses the whole preset for this key, and with it the service; "
            "unit_vars belongs at the top level"
        )
    for table, values in wanted.items():
        there = preset.get(table)
        for key, value in values.items():
            found = there.get(key) if isinstance(there, dict) else None
            if found != value and not (table == "compat" and _same_range(found, value)):
                said.append(f"{table}.{key}: is {found or 'absent'}, would be {value}")
    return tuple(said)


def _same_range(found: object, wanted: str) -> bool:
    """Whether two texts are the same range, in any order."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(str(found)) == SpecifierSet(wanted)
    except InvalidSpecifier:
        return False


def _has_key(subject: BuiltDriver) -> bool:
    return subject.entry.binary.rpartition("/")[2] == TEMPLATE_COMMAND


def _patch(subject: BuiltDriver, *, stable: bool) -> ExportedFile:
    name = subject.entry.name
    lines = [f"# {header('gpumod')}", f"# Merge this into the preset of every service of {name}."]
    if not _has_key(subject):
        lines += [
            "# By vllm_bin `gpumod doctor venv` finds the environment, but gpumod's templates",
            "# have no key for the path of this command: render the unit with",
            "# `gpumod template generate ID -o ID.service`, then export again with --unit ID.service.",
        ]
    values = patch_values(subject, stable=stable)
    for table, entries in values.items():
        lines.append(f"{table}:")
        lines += [f"  {key}: {json.dumps(value)}" for key, value in entries.items()]
    return ExportedFile(name=f"{name}.preset.yaml", text=join(lines))


def render_settings(fleet: BuiltFleet) -> ExportedFile:
    """SQL for gpumod's database: what services start that name no command of their own.

    UsageError if two drivers have one command, or none has a command that gpumod has a setting for.
    """
    chosen: dict[str, BuiltDriver] = {}
    for subject in fleet.subjects:
        key = _SETTINGS.get(subject.entry.binary.rpartition("/")[2])
        if key is None:
            continue
        other = chosen.setdefault(key, subject)
        if other is not subject:
            message = f"{other.entry.name} and {subject.entry.name} would both be {key}"
            hint = "name the driver that services start by default"
            raise UsageError(Problem(key="--settings", message=message, hint=hint))
    if not chosen:
        message = f"no driver has a command that gpumod has a setting for: {', '.join(_SETTINGS)}"
        raise UsageError(Problem(key="--settings", message=message))
    lines = [
        f"-- {header('gpumod')}",
        '-- Run it with `sqlite3 "$GPUMOD_DB_PATH" <gpumod.settings.sql`.',
    ]
    for key, subject in chosen.items():
        path = check_path(subject.binary(stable=fleet.stable), "gpumod")
        about = f"{subject.entry.name}, as envbuild built it"
        lines.append(_INSERT.format(key=key, path=path, about=about))
    return ExportedFile(name="gpumod.settings.sql", text=join(lines))


def _render(export: Export) -> tuple[ExportedFile, ...]:
    if _SETTINGS_OPTION.name in export.request.options:
        return (render_settings(export.fleet),)
    return render_gpumod(export.fleet, arguments=export.request.arguments, unit=export.unit())


def _compat(driver: Driver, python_version: str, variant: str | None) -> Iterator[tuple[str, str]]:
    """Each required package with its range; two ranges on one package are joined, markers evaluated on this host."""
    minor = ".".join(python_version.split(".")[:2])
    target = Target(python=minor, platform=parse_platform(driver.platforms[0]))
    ranges: dict[str, list[str]] = {}
    for declared in driver.requires_for(variant):
        wanted = parse_requirement(declared.text)
        if wanted.specifier and holds(wanted.marker, target):
            ranges.setdefault(wanted.name, []).append(wanted.specifier)
    for name in sorted(ranges):
        yield name, ",".join(ranges[name])


def _compare(export: Export, path: Path, text: str) -> tuple[str, ...] | None:
    """The differences of an existing preset; UsageError if its driver is unclear."""
    if path.suffix not in (".yaml", ".yml") or path.name.endswith(".preset.yaml"):
        return None
    preset = parse_yaml(text, file=str(path))
    subject = _subject_of(preset, export.fleet)
    if subject is None:
        message = "it is not clear which driver the preset is for"
        hint = "name the driver, as in `envbuild export gpumod DRIVER --check FILE`"
        raise UsageError(Problem(file=str(path), message=message, hint=hint))
    wanted = patch_values(subject, stable=export.fleet.stable)
    return compare_preset(preset, wanted, file=str(path))


def _subject_of(preset: object, fleet: BuiltFleet) -> BuiltDriver | None:
    """The only exported driver; else the one whose binary the preset names, or that has its name."""
    if len(fleet.subjects) == 1:
        return fleet.subjects[0]
    table = preset if isinstance(preset, dict) else {}
    unit_vars = table.get("unit_vars")
    binary = unit_vars.get("vllm_bin") if isinstance(unit_vars, dict) else None
    for subject in fleet.subjects:
        if binary in (subject.entry.stable_binary, subject.entry.binary):
            return subject
    return next((item for item in fleet.subjects if item.entry.name == table.get("driver")), None)


FORMAT = ExportFormat(
    name="gpumod",
    files="`DRIVER.preset.yaml`, the drop-in of a unit, or `gpumod.settings.sql`",
    taken_by="`gpumod template generate`, `gpumod doctor venv`, `systemd-analyze verify`",
    render=_render,
    options=(ARGUMENTS, UNIT, _SETTINGS_OPTION),
    stable=True,
    needs_declaration=True,
    compare=_compare,
)
