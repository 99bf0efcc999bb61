"""The keys of `[drivers.NAME]`, each with its reader."""

from __future__ import annotations

import re
from functools import partial

from envbuild.declaration.toml.environment import read_env
from envbuild.declaration.toml.probe import PROBE_KEYS
from envbuild.declaration.toml.requirement import parse_override, parse_package, parse_versions
from envbuild.declaration.toml.requirement_set import Required, read_required
from envbuild.declaration.toml.table import (
    Key,
    Place,
    TextError,
    boolean,
    list_of,
    located,
    read_table,
    text,
)
from envbuild.declaration.toml.target import DEFAULTS_KEYS
from envbuild.target.accelerator import Accelerator, all_kinds

_COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_INTERPRETER = re.compile(r"python(\d+(\.\d+)?)?")

DRIVER_FORM = """[drivers.NAME] with requires = ["…"]"""


def _command(written: str) -> str:
    if not _COMMAND.fullmatch(written):
        hint = "letters, digits and `._+-`, beginning with a letter or a digit"
        if "/" in written:
            hint = f"just the name, such as '{written.rstrip('/').rsplit('/', 1)[-1] or 'vllm'}'"
        elif " " in written.strip():
            hint = "just the name; arguments go where the driver is started"
        raise TextError(f"{written!r} is not the name of a command", hint=hint)
    if _INTERPRETER.fullmatch(written):
        raise TextError(
            f"{written!r} cannot be exposed: a link to the interpreter loses the environment",
            hint="name a command that a package installs; `envbuild which DRIVER --python` "
            "tells the interpreter's own path",
        )
    return written


ACCELERATOR_KEYS: tuple[Key[str], ...] = tuple(
    Key(
        kind.name,
        text(
            partial(parse_versions, kind=kind.name, example=kind.example),
            hint=f'write {kind.name} = "{kind.example}"',
        ),
    )
    for kind in all_kinds()
)


def _read_accelerator(value: object, place: Place) -> Accelerator | None:
    forms = (f'accelerator = {{ {kind.name} = "{kind.example}" }}' for kind in all_kinds())
    hint = f"write it like {' or '.join(forms)}"
    table = read_table(value, place, ACCELERATOR_KEYS, hint=hint)
    if table is None:
        return None
    if len(table.present) != 1:
        place.wrong("must name one kind", hint=hint)
    found = [(key.name, table.get(key)) for key in ACCELERATOR_KEYS]
    asked = [(kind, versions) for kind, versions in found if versions is not None]
    return Accelerator(kind=asked[0][0], versions=asked[0][1]) if len(asked) == 1 else None


EXTENDS = Key("extends", located(text(str)))
REQUIRES: Key[tuple[Required, ...]] = Key("requires", list_of(read_required, filled=True))
BINARY = Key("binary", text(_command))
COMMANDS = Key("commands", list_of(text(_command), filled=True, unique=True))
VERSION_OF = Key("version-of", text(parse_package))
OVERRIDES = Key("overrides", list_of(text(parse_override)))
ENV = Key("env", read_env)
ACCELERATOR = Key("accelerator", _read_accelerator)
ALLOW_SDIST = Key("allow-sdist", list_of(text(parse_package), unique=True))
ENABLED = Key("enabled", boolean)

DRIVER_KEYS: tuple[Key[object], ...] = (
    EXTENDS,
    REQUIRES,
    BINARY,
    COMMANDS,
    VERSION_OF,
    *DEFAULTS_KEYS,
    OVERRIDES,
    ENV,
    ACCELERATOR,
    ALLOW_SDIST,
    ENABLED,
    *PROBE_KEYS,
)
"""The keys of `[drivers.NAME]`."""
