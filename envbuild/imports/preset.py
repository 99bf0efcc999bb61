"""A gpumod preset: its `compat` ranges and its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, read_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS = {"vllm": "vllm", "fastapi": "uvicorn"}
"""The command that gpumod's template starts, by driver type; llama.cpp's is no Python."""


def is_preset(document: object) -> bool:
    """Whether a YAML document looks like a gpumod preset."""
    return isinstance(document, dict) and {"id", "driver"} <= document.keys()


def read_preset(preset: Mapping[str, object], *, file: str) -> Draft:
    """The driver for a preset's service; UsageError if it needs no Python."""
    kind = str(preset["driver"])
    if kind not in _COMMANDS:
        message = f"the preset is for {kind}, which is not a Python driver"
        raise UsageError(Problem(file=file, key="driver", message=message))
    command = _COMMANDS[kind]
    compat = preset.get("compat")
    ranges = compat if isinstance(compat, dict) else {}
    packages = {canonicalize_name(str(name)): str(text) for name, text in ranges.items()}
    texts = [] if command in packages else [command]
    read = read_requirements([*texts, *(f"{name}{text}" for name, text in packages.items())])
    return Draft(
        name=kind if kind == "vllm" else str(preset["id"]),
        requires=read.requires,
        binary=command,
        sources=read.sources,
        left_out=read.left_out,
        notes=tuple(_notes(preset, ranges)),
    )


def hand_made_environment(preset: Mapping[str, object]) -> str | None:
    """The venv of the preset's binary, as `gpumod doctor venv` finds it; None without one."""
    nested = preset.get("extra_config")
    for holder in (preset, nested if isinstance(nested, dict) else {}):
        unit_vars = holder.get("unit_vars")
        binary = unit_vars.get("vllm_bin") if isinstance(unit_vars, dict) else None
        if isinstance(binary, str) and binary.startswith("/") and "/bin/" in binary:
            return binary.rpartition("/bin/")[0]
    return None


def _notes(preset: Mapping[str, object], ranges: Mapping[str, object]) -> list[str]:
    notes = []
    if "extra_config" in preset:
        notes.append(
            "`extra_config` is not a key of a preset: gpumod refuses the whole file, and the service "
            "is missing; `unit_vars` belongs at the top level"
        )
    if not ranges:
        notes.append("the preset has no `compat`, so nothing bounds the versions yet")
    return notes
