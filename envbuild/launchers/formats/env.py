"""`KEY=VALUE` lines that systemd's EnvironmentFile, sh and flox's parser read in the same way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ExportFormat
from envbuild.launchers.fleet import (
    PRIVATE,
    ExportedFile,
    check_path,
    header,
    join,
    upper_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

_VALUE = re.compile(r"[A-Za-z0-9._/+:@,=-]+")
"""Characters that no shell and no other reader of such files treats specially."""


def render_env(fleet: BuiltFleet) -> tuple[ExportedFile, ...]:
    """One file with three lines for each driver: its command, its Python, its version."""
    lines = [f"# {header('env')}"]
    for subject in fleet.subjects:
        lines += env_lines(variables(subject, stable=fleet.stable))
    return (ExportedFile(name="envbuild.env", text=join(lines), mode=PRIVATE),)


def variables(subject: BuiltDriver, *, stable: bool) -> Iterable[tuple[str, str]]:
    """A driver's variables; the Python's path is always exact.

    A Python started through a moving link could mix two environments in one process.
    """
    name = upper_name(subject.entry.name)
    yield f"{name}_BIN", check_path(subject.binary(stable=stable), "env")
    yield f"{name}_PYTHON", check_path(subject.entry.python, "env")
    yield f"{name}_VERSION", subject.entry.version.replace("!", "-")


FORMAT = ExportFormat(
    name="env",
    files="`envbuild.env`: `VLLM_BIN`, `VLLM_PYTHON`, `VLLM_VERSION`, unquoted",
    taken_by="`sh`, systemd's `EnvironmentFile`, flox's rules as a table",
    render=lambda export: render_env(export.fleet),
)


def env_lines(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    """`KEY=VALUE`, unquoted; UsageError for a value that would need quotes."""
    for name, value in pairs:
        if _VALUE.fullmatch(value) is None:
            message = f"{name} is {value!r}, which cannot be written without quotes"
            hint = "readers of such files differ about quotes; use letters, digits and ._/+:@,=-"
            raise UsageError(Problem(message=message, hint=hint))
        yield f"{name}={value}"
