"""`envbuild init`: a commented `drivers.toml` to start with."""

from __future__ import annotations

import os
from importlib import resources
from typing import TYPE_CHECKING

from envbuild.declaration.toml.keys import DRIVER_TABLE
from envbuild.errors import HostError, Problem, UsageError
from envbuild.posix.files import write_atomically
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@value
class InitResult:
    """What `envbuild init` wrote."""

    path: str
    """The new declaration, as the user named it."""


def init(path: Path) -> InitResult:
    """Write a declaration where there is none; UsageError if anything exists at the path."""
    if os.path.lexists(path):
        raise UsageError(
            Problem(
                message="it exists already",
                file=str(path),
                hint="edit it, move it, or name another file with `--file`",
            )
        )
    try:
        write_atomically(path, _starter().encode())
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
    return InitResult(path=str(path))


def _starter() -> str:
    """`starter.toml` with an example of each key that it does not show itself."""
    text = resources.files("envbuild").joinpath("starter.toml").read_text(encoding="utf-8")
    for mark, in_defaults in (("@defaults\n", True), ("@driver\n", False)):
        text = text.replace(mark, "".join(_examples(in_defaults=in_defaults)))
    return text


def _examples(*, in_defaults: bool) -> Iterator[str]:
    for row in DRIVER_TABLE:
        if row.example is not None and row.in_defaults == in_defaults:
            yield f"#{row.example:<38} # {row.about}\n"
