"""`envbuild init`: a commented `drivers.toml` to start with, and the schema that editors check it by."""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import TYPE_CHECKING

from envbuild.commands.edit import import_
from envbuild.declaration.toml.keys import DRIVER_TABLE
from envbuild.errors import EnvbuildError, HostError, Problem, UsageError
from envbuild.launchers.files import read_text
from envbuild.posix.files import write_atomically
from envbuild.toml_text import toml_list
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.commands.edit import EditResult
    from envbuild.imports.draft import Draft
    from envbuild.imports.surroundings import Importable
    from envbuild.lockfile.folder import LockFolder

SCHEMA = "drivers.schema.json"
"""The schema's name beside the declaration."""

_PYTHONS = 'python = ["3.12", "3.11", "3.13"]'
"""The line of `starter.toml` for hosts whose Pythons are unknown."""


@value
class InitResult:
    """What `envbuild init` wrote."""

    path: str
    """The new declaration, as the user named it."""

    schema: str | None = None
    """The schema beside it, if that was written."""

    imported: EditResult | None = None
    """What was imported into it."""

    importable: tuple[Importable, ...] = ()
    """What could be imported, and was not."""


def init(
    path: Path,
    *,
    bare: bool = False,
    pythons: tuple[str, ...] = (),
    drafts: tuple[tuple[str, Draft], ...] = (),
    folder: LockFolder | None = None,
) -> InitResult:
    """Write a declaration where there is none; UsageError if anything exists at the path.

    `pythons` are those that the host has, the preferred one first.
    With `bare` it has no comments, no driver and no schema.
    `drafts` are imported in place of the example; `folder` gets their first pins.
    """
    refuse_existing(path)
    has_schema = not bare and _can_have_schema(path)
    text = _bare(pythons) if bare or drafts else starter(pythons)
    _write(path, f"#:schema ./{SCHEMA}\n{text}" if has_schema else text)
    imported = None
    if drafts and folder is not None:
        try:
            imported = import_(path, folder, drafts, name=None, partial=True)
        except EnvbuildError:
            path.unlink()  # nobody has seen it yet
            raise
    schema = write_schema(path).schema if has_schema else None
    return InitResult(path=str(path), schema=schema, imported=imported)


def refuse_existing(path: Path) -> None:
    """UsageError if anything exists at the path."""
    if os.path.lexists(path):
        raise UsageError(
            Problem(
                message="it exists already",
                file=str(path),
                hint="edit it, move it, or name another file with `--file`",
            )
        )


def _bare(pythons: tuple[str, ...]) -> str:
    defaults = f"\n[defaults]\n{_line(pythons)}\n" if pythons else ""
    return f"version = 1\n{defaults}"


def _line(pythons: tuple[str, ...]) -> str:
    return f"python = {toml_list(pythons)}"


def write_schema(declaration: Path) -> InitResult:
    """Write the schema beside a declaration; UsageError if another file has its name."""
    path = declaration.parent / SCHEMA
    if not _can_have_schema(declaration):
        message = "it is not a schema of envbuild"
        raise UsageError(Problem(file=str(path), message=message, hint="move it elsewhere"))
    _write(path, _schema())
    return InitResult(path=str(declaration), schema=str(path))


def _schema() -> str:
    return resources.files("envbuild").joinpath(SCHEMA).read_text(encoding="utf-8")


def _can_have_schema(declaration: Path) -> bool:
    """Whether nothing has the schema's name, or a schema of envbuild, perhaps of another version."""
    path = declaration.parent / SCHEMA
    if not os.path.lexists(path):
        return True
    try:
        found = json.loads(read_text(path))
    except (UsageError, HostError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("title") == json.loads(_schema())["title"]


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except (FileNotFoundError, NotADirectoryError):
        problem = Problem(
            message="its folder does not exist", file=str(path), hint="create the folder first"
        )
        raise UsageError(problem) from None
    except OSError as error:
        problem = Problem(
            message=f"cannot write the file: {error.strerror}",
            file=str(path),
            hint="check that this user may write there and that the disk has free space",
        )
        raise HostError(problem) from None


def starter(pythons: tuple[str, ...] = ()) -> str:
    """`starter.toml` with an example of each key that it does not show itself, and these Pythons."""
    text = resources.files("envbuild").joinpath("starter.toml").read_text(encoding="utf-8")
    if pythons:
        text = text.replace(_PYTHONS, _line(pythons).ljust(len(_PYTHONS)))
    for mark, in_defaults in (("@defaults\n", True), ("@driver\n", False)):
        text = text.replace(mark, "".join(_examples(in_defaults=in_defaults)))
    return text


def _examples(*, in_defaults: bool) -> Iterator[str]:
    for row in DRIVER_TABLE:
        if row.example is not None and row.in_defaults == in_defaults:
            yield f"#{row.example:<38} # {row.about}\n"
