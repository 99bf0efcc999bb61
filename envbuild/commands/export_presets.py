"""gpumod presets that exist, beside what an export would say in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.imports.yaml_text import parse_yaml
from envbuild.launchers.gpumod import compare_preset, patch_values

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.launchers.fleet import Fleet, Subject


def compare_with_preset(path: Path, text: str, fleet: Fleet) -> tuple[str, ...]:
    """What a preset says otherwise; UsageError where it is not clear which driver it is for."""
    preset = parse_yaml(text, file=str(path))
    subject = _subject_of(preset, fleet)
    if subject is None:
        message = "it is not clear which driver the preset is for"
        hint = "name the driver, as in `envbuild export gpumod DRIVER --check FILE`"
        raise UsageError(Problem(file=str(path), message=message, hint=hint))
    return compare_preset(preset, patch_values(subject, stable=fleet.stable), file=str(path))


def _subject_of(preset: object, fleet: Fleet) -> Subject | None:
    """The one that is exported; else the one whose environment the preset names, or that is called alike."""
    if len(fleet.subjects) == 1:
        return fleet.subjects[0]
    table = preset if isinstance(preset, dict) else {}
    unit_vars = table.get("unit_vars")
    binary = unit_vars.get("vllm_bin") if isinstance(unit_vars, dict) else None
    for subject in fleet.subjects:
        if binary in (subject.entry.stable_binary, subject.entry.binary):
            return subject
    return next((item for item in fleet.subjects if item.entry.name == table.get("driver")), None)
