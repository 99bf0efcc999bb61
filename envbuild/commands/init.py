"""`envbuild init`: a commented `drivers.toml` to start with."""

from __future__ import annotations

import os
from importlib import resources
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem, UsageError
from envbuild.posix.files import write_atomically
from envbuild.value import value

if TYPE_CHECKING:
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
    content = resources.files("envbuild").joinpath("starter.toml").read_bytes()
    try:
        write_atomically(path, content)
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
