"""`envbuild doctor --unit`: what each `ExecStart` of a unit is to the current generation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.unit_file import parse_unit
from envbuild.posix.input_file import MOST_UNIT, RefusedInputError, read_named
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.launchers.unit_file import ExecLine
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store

GOOD = ("exact", "stable")
"""Kinds of commands that start the current generation."""


@value
class UnitCommand:
    """One command of a unit file."""

    file: str
    line: int
    executable: str
    kind: str
    """`exact`, `stable`, `old`, `outside` or `missing`."""

    driver: str | None
    """Whose it is; None where it is no driver's of the current generation."""


def check_units(
    store: Store, manifest: Manifest, files: tuple[str, ...]
) -> tuple[UnitCommand, ...]:
    """Every command of every unit; UsageError lists what is no unit file."""
    problems: list[Problem] = []
    found: list[UnitCommand] = []
    for file in files:
        lines = _read(file, problems)
        found += (_judge(store, manifest, file, line) for line in lines)
    if problems:
        raise UsageError(problems)
    return tuple(found)


def _read(file: str, problems: list[Problem]) -> tuple[ExecLine, ...]:
    try:
        content = read_named(Path(file), most=MOST_UNIT)
        lines = parse_unit(content.decode("utf-8"), name=Path(file).name)
    except RefusedInputError as error:
        problems.append(Problem(file=file, message=error.message, hint=error.hint))
        return ()
    except OSError as error:
        problems.append(Problem(message=f"cannot read the unit {file}: {error.strerror}"))
        return ()
    except UnicodeDecodeError:
        lines = None
    if not lines:
        what = "is no unit file" if lines is None else "has no ExecStart"
        problems.append(Problem(file=file, message=f"it {what}"))
        return ()
    return lines


def _judge(store: Store, manifest: Manifest, file: str, line: ExecLine) -> UnitCommand:
    path = line.executable
    kind, driver = _kind(store, manifest, path)
    if "%" not in path and not os.access(path, os.X_OK):
        kind = "missing"
    return UnitCommand(file=file, line=line.line, executable=path, kind=kind, driver=driver)


def _kind(store: Store, manifest: Manifest, path: str) -> tuple[str, str | None]:
    """What a path is by where it lies, and whose."""
    current, root = f"{store.current}/", f"{store.root}/"
    if path.startswith(current):
        rest = path[len(current) :].split("/")
        shims = {shim: d.name for d in manifest.drivers for _, shim in d.shims}
        return "stable", shims.get(rest[-1]) if rest[0] == "bin" else rest[0]
    for driver in manifest.drivers:
        if path.startswith((f"{driver.environment}/", f"{store.generation(manifest.generation)}/")):
            return "exact", driver.name
    return ("old" if path.startswith(root) else "outside"), None
