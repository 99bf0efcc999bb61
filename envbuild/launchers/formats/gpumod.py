"""gpumod: a patch for a service's preset, or a drop-in for a command that its templates have no key for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ARGUMENTS, UNIT, ExportFormat
from envbuild.launchers.fleet import ExportedFile, check_path, header, join
from envbuild.launchers.formats.systemd import drop_in, tail
from envbuild.requirement.parse import holds, parse_requirement
from envbuild.target.target import Target, parse_platform
from envbuild.yaml_text import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.declaration.declaration import Driver
    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

TEMPLATE_COMMAND = "vllm"
"""The only command whose path gpumod's unit templates take from a preset (`unit_vars.vllm_bin`)."""


def render_gpumod(
    fleet: BuiltFleet, *, arguments: tuple[str, ...] | None, unit: tuple[str, str] | None
) -> tuple[ExportedFile, ...]:
    """A preset patch for every driver; a drop-in for the named unit if the command is not vllm.

    If there are several drivers, those without a preset entry are left out.
    """
    files: list[ExportedFile] = []
    for subject in fleet.subjects:
        if len(fleet.subjects) == 1 or patch_values(subject, stable=fleet.stable):
            files.append(_patch(subject, stable=fleet.stable))
        if not _has_key(subject) and unit is not None:
            words = tail(arguments, unit)
            files.append(drop_in(subject, stable=fleet.stable, unit=unit[0], tail=words))
    return tuple(files)


def patch_values(subject: BuiltDriver, *, stable: bool) -> dict[str, dict[str, str]]:
    """The preset's entries: `unit_vars.vllm_bin`, and `compat` with the declaration's ranges."""
    values: dict[str, dict[str, str]] = {}
    if _has_key(subject):
        values["unit_vars"] = {"vllm_bin": check_path(subject.binary(stable=stable), "gpumod")}
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
            "# gpumod's templates have no key for the path of this command: render the unit with",
            "# `gpumod template generate ID -o ID.service`, then export again with --unit ID.service.",
        ]
    values = patch_values(subject, stable=stable)
    for table, entries in values.items():
        lines.append(f"{table}:")
        lines += [f"  {key}: {json.dumps(value)}" for key, value in entries.items()]
    return ExportedFile(name=f"{name}.preset.yaml", text=join(lines))


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
    files="`DRIVER.preset.yaml`, or the drop-in of a unit",
    taken_by="`gpumod template generate`, `gpumod doctor venv`, `systemd-analyze verify`",
    render=lambda export: render_gpumod(
        export.fleet, arguments=export.request.arguments, unit=export.unit()
    ),
    options=(ARGUMENTS, UNIT),
    stable=True,
    needs_declaration=True,
    compare=_compare,
)
