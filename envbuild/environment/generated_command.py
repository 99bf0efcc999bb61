"""The text of a driver's own command, `bin/<driver>`: a shell script that becomes what it starts."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from envbuild.declaration.placeholders import split_at_cache
from envbuild.environment.activation import library_folders, places_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.environment.derivation import Derivation

_SAFE_PATH_SINCE = (3, 11)

_RUN_MODULE = (
    "import sys; del sys.path[0]; import runpy; runpy._run_module_as_main(sys.argv.pop(1))"
)
"""The effect of `-P -m`, for Pythons without `-P`: the working folder is not searched for modules."""

_CACHE = """\
_envbuild_cache=${{CACHE_DIRECTORY-}}
_envbuild_cache=${{_envbuild_cache%%:*}}
case $_envbuild_cache in
/*) ;;
*)
  case ${{XDG_CACHE_HOME-}} in
  /*) _envbuild_cache=$XDG_CACHE_HOME/envbuild/{driver} ;;
  *) _envbuild_cache=${{HOME:+$HOME/.cache/envbuild/{driver}}} ;;
  esac ;;
esac
"""
"""The cache folder that the activation uses; empty if the user's home is unknown."""


def render_command(derivation: Derivation, environment: str) -> str:
    """The script for `python -m MODULE …`, or for a command of the environment with its first arguments.

    It sets the declared variables that are unset, and ends in `exec`:
    no parent stays, and its own arguments are handed on.
    A module is searched only in the environment, not in the working folder.
    """
    argv = _argv(derivation.command, f"{environment}/bin", derivation.python_version)
    start = " ".join(map(quote, argv))
    lines = [
        "#!/bin/sh",
        "# Written by envbuild, from the declaration.",
        *_variables(derivation, environment),
        f'exec {start} "$@"',
    ]
    return "\n".join(lines) + "\n"


def _variables(derivation: Derivation, environment: str) -> Iterator[str]:
    places = places_in(environment, derivation.python_version)
    pieces = {name: split_at_cache(value, places) for name, value in derivation.env}
    if any(len(found) > 1 for found in pieces.values()):
        yield _CACHE.format(driver=derivation.driver).rstrip()
    for name, found in pieces.items():
        value = '"$_envbuild_cache"'.join(map(quote, found))
        known = '[ -z "$_envbuild_cache" ] || ' if len(found) > 1 else ""
        yield f'[ -n "${{{name}+set}}" ] || {known}export {name}={value}'
    folders = library_folders(environment, derivation.python_version, derivation.library_path)
    if folders:
        yield f"LD_LIBRARY_PATH={quote(folders)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
        yield "export LD_LIBRARY_PATH"


def _argv(words: Sequence[str], bin_folder: str, python_version: str) -> tuple[str, ...]:
    program = f"{bin_folder}/{words[0]}"
    if words[0] != "python":
        return (program, *words[1:])
    _, _, module, *arguments = words
    major, minor = python_version.split(".")[:2]
    if (int(major), int(minor)) >= _SAFE_PATH_SINCE:
        return (program, "-P", "-m", module, *arguments)
    return (program, "-c", _RUN_MODULE, module, *arguments)
