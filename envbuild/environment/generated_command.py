"""The text of a driver's own command, `bin/<driver>`: a shell script that becomes what it starts."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAFE_PATH_SINCE = (3, 11)

_RUN_MODULE = (
    "import sys; del sys.path[0]; import runpy; runpy._run_module_as_main(sys.argv.pop(1))"
)
"""What `-P -m` does, for Pythons that have no `-P`: the working folder is no place for modules."""


def render_command(words: Sequence[str], *, environment: str, python_version: str) -> str:
    """The script for `python -m MODULE …`, or for a command of the environment with its first arguments.

    It ends in `exec`, so that no parent stays, and hands its own arguments on.
    A module is looked for in the environment alone: nothing in the working folder takes its place.
    """
    start = " ".join(map(quote, _argv(words, f"{environment}/bin", python_version)))
    return f'#!/bin/sh\n# Written by envbuild, from the declaration.\nexec {start} "$@"\n'


def _argv(words: Sequence[str], bin_folder: str, python_version: str) -> tuple[str, ...]:
    program = f"{bin_folder}/{words[0]}"
    if words[0] != "python":
        return (program, *words[1:])
    _, _, module, *arguments = words
    major, minor = python_version.split(".")[:2]
    if (int(major), int(minor)) >= _SAFE_PATH_SINCE:
        return (program, "-P", "-m", module, *arguments)
    return (program, "-c", _RUN_MODULE, module, *arguments)
