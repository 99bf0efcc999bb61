"""The `env` table: variables that the activation sets."""

from __future__ import annotations

import re

from envbuild.declaration.toml.table import Place, TextError, kind, text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOO_LATE = re.compile(r"PYTHON.*|(LD|DYLD|MALLOC)_.*|GLIBC_TUNABLES")
"""What the interpreter, the loader and the C library read before the activation can set it."""


def read_env(value: object, place: Place) -> tuple[tuple[str, str], ...] | None:
    """A reader of `{ NAME = "value" }`, in name order."""
    if not isinstance(value, dict):
        place.wrong(
            f"must be a table, not {kind(value)}", hint='write it like env = { NAME = "value" }'
        )
        return None
    read = (_read_variable(name, inner, place.at(name)) for name, inner in value.items())
    return tuple(sorted(pair for pair in read if pair is not None))


def _read_variable(name: str, value: object, place: Place) -> tuple[str, str] | None:
    problem = _problem_with(name)
    if problem is not None:
        place.wrong(str(problem), hint=problem.hint)
        return None
    content = text(_content)(value, place)
    return None if content is None else (name, content)


def _problem_with(name: str) -> TextError | None:
    if not _NAME.fullmatch(name):
        return TextError(
            f"{name!r} is not the name of an environment variable",
            hint="letters, digits and underscores, not beginning with a digit",
        )
    if name == "PATH":
        return TextError(
            "`PATH` is not for `env`: the activation puts the environment's own bin first on it",
            hint="set the rest where the driver is started, such as Environment= of its unit",
        )
    if _TOO_LATE.fullmatch(name):
        return TextError(
            f"`{name}` would come too late: it is read before the activation can set it",
            hint="set it where the driver is started, such as Environment= of its unit",
        )
    return None


def _content(value: str) -> str:
    if "\0" in value:
        raise TextError("an environment variable cannot hold a NUL character")
    return value
