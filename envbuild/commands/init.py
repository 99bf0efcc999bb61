"""`envbuild init`: a commented `drivers.toml` to start with, and the schema that editors check it by."""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import TYPE_CHECKING

from envbuild.declaration.toml.keys import DRIVER_TABLE
from envbuild.errors import HostError, Problem, UsageError
from envbuild.launchers.files import read_text
from envbuild.posix.files import write_atomically
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = "drivers.schema.json"
"""The schema's name beside the declaration."""

BARE = "version = 1\n"


@value
class InitResult:
    """What `envbuild init` wrote."""

    path: str
    """The new declaration, as the user named it."""

    schema: str | None = None
    """The schema beside it, if that was written."""


def init(path: Path, *, bare: bool = False) -> InitResult:
    """Write a declaration where there is none; UsageError if anything exists at the path.

    With `bare` it has no comments, no driver and no schema.
    """
    if os.path.lexists(path):
        raise UsageError(
            Problem(
                message="it exists already",
                file=str(path),
                hint="edit it, move it, or name another file with `--file`",
            )
        )
    has_schema = not bare and _can_have_schema(path)
    text = BARE if bare else starter()
    _write(path, f"#:schema ./{SCHEMA}\n{text}" if has_schema else text)
    return write_schema(path) if has_schema else InitResult(path=str(path))


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


def starter() -> str:
    """`starter.toml` with an example of each key that it does not show itself."""
    text = resources.files("envbuild").joinpath("starter.toml").read_text(encoding="utf-8")
    for mark, in_defaults in (("@defaults\n", True), ("@driver\n", False)):
        text = text.replace(mark, "".join(_examples(in_defaults=in_defaults)))
    return text


def _examples(*, in_defaults: bool) -> Iterator[str]:
    for row in DRIVER_TABLE:
        if row.example is not None and row.in_defaults == in_defaults:
            yield f"#{row.example:<38} # {row.about}\n"
