"""Local Studio (vllm-studio): recipe fields, its environment, and the upgrade script."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ExportFormat
from envbuild.launchers.fleet import PRIVATE, PROGRAM, ExportedFile, check_path, header, join
from envbuild.launchers.formats.env import env_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet


def render_local_studio(
    fleet: BuiltFleet, *, envbuild: tuple[str, ...], folder: str | None
) -> tuple[ExportedFile, ...]:
    """A recipe's fields and an upgrade script for each driver that it can start, and one environment for all.

    `envbuild` is the command that runs envbuild with this declaration and store;
    `folder` has the files: the environment names the script there.
    Without it no script is named, because Local Studio silently ignores a missing one.
    """
    subjects = [subject for subject in fleet.subjects if _has_engine(subject)]
    if not subjects:
        message = "Local Studio starts vllm or sglang, and none of the drivers has one of them"
        raise UsageError(Problem(message=message))
    recipes = tuple(_recipe(subject) for subject in subjects)
    scripts = tuple(_upgrade(subject, envbuild) for subject in subjects)
    lines = [f"# {header('local-studio')}", *env_lines(_variables(subjects, folder))]
    environment = ExportedFile(name="local-studio.env", text=join(lines), mode=PRIVATE)
    return (*recipes, environment, *scripts)


def _recipe(subject: BuiltDriver) -> ExportedFile:
    """The Python's path is exact: Local Studio runs it with `-m` if the command beside it is missing."""
    python = check_path(subject.entry.python, "local-studio")
    fields: dict[str, object] = {"python_path": python}
    if _package(subject, "sglang"):
        fields["extra_args"] = {"venv_path": subject.entry.environment}
    text = json.dumps(fields, indent=2) + "\n"
    return ExportedFile(name=f"{subject.entry.name}.recipe.json", text=text)


def _has_engine(subject: BuiltDriver) -> bool:
    return "vllm" in subject.bin_commands or _package(subject, "sglang")


def _variables(subjects: list[BuiltDriver], folder: str | None) -> Iterator[tuple[str, str]]:
    vllm = [subject for subject in subjects if "vllm" in subject.bin_commands]
    sglang = [subject for subject in subjects if _package(subject, "sglang")]
    if vllm:
        first = vllm[0].entry
        yield "LOCAL_STUDIO_RUNTIME_PYTHON", first.python
        yield "LOCAL_STUDIO_VLLM_PYTHONS", ",".join(subject.entry.python for subject in vllm)
        if folder is not None:
            yield "LOCAL_STUDIO_VLLM_UPGRADE_CMD", f"{folder}/upgrade-{first.name}"
    if sglang:
        yield "LOCAL_STUDIO_SGLANG_PYTHON", sglang[0].entry.python


def _package(subject: BuiltDriver, name: str) -> bool:
    return any(package == name for package, _ in subject.entry.packages)


def _upgrade(subject: BuiltDriver, envbuild: tuple[str, ...]) -> ExportedFile:
    """Local Studio starts it without arguments, instead of its own upgrade."""
    name = subject.entry.name
    declared = subject.declared
    package = declared.version_of if declared is not None else name
    command = shlex.join(envbuild)
    lines = [
        "#!/bin/sh",
        f"# {header('local-studio')}",
        "# Environments are read-only: a newer one is built in another folder, and then used instead.",
        "set -eu",
        "cd /",
        f"{command} lock --upgrade-package {package} {name}",
        f"exec {command} sync {name}",
    ]
    return ExportedFile(name=f"upgrade-{name}", text=join(lines), mode=PROGRAM)


def _render(export: Export) -> tuple[ExportedFile, ...]:
    request = export.request
    folder = request.out or next((file.parent for file in request.check), None)
    lies_in = str(folder.absolute()) if folder is not None else None
    return render_local_studio(export.fleet, envbuild=request.envbuild, folder=lies_in)


FORMAT = ExportFormat(
    name="local-studio",
    files="`DRIVER.recipe.json`, `local-studio.env`, `upgrade-DRIVER`",
    taken_by="a table of cases from its documented order of precedence; its code is not published",
    render=_render,
    needs_declaration=True,
)
