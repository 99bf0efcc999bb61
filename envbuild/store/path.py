"""What path a store can have, so that what is built below it can be started and named in units."""

from __future__ import annotations

import re

from envbuild.errors import Problem, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_LONGEST_INTERPRETER_LINE = 127
"""In bytes, `#!` included: uv wraps longer ones in `/bin/sh`, which costs every start."""


def check_store_path(root: Path) -> None:
    """UsageError where environments below the path could not be started or named in units."""
    text = str(root)
    if _PATH.fullmatch(text) is None:
        message = f"the store's path {text!r} has characters that unit files cannot carry"
        raise UsageError(Problem(message=message, hint="use letters, digits and . _ / + - alone"))


def check_environment_path(environment: Path) -> None:
    """UsageError where the first line of the environment's scripts would be too long."""
    excess = len(f"#!{environment}/bin/python3") - _LONGEST_INTERPRETER_LINE
    if excess > 0:
        message = f"the store's path is {excess} characters too long for {environment.name}"
        hint = (
            "the first line of every script names the interpreter below it, "
            f"in at most {_LONGEST_INTERPRETER_LINE} characters; name a shorter --store"
        )
        raise UsageError(Problem(message=message, hint=hint))
