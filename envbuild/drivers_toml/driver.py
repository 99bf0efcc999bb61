"""`[drivers.NAME]` → Driver, with the defaults merged in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from envbuild.declaration import (
    DEFAULT_PLATFORMS,
    DEFAULT_PROBE_TIMEOUT,
    DEFAULT_PYTHON,
    Accelerator,
    Driver,
)
from envbuild.drivers_toml.environment import read_env
from envbuild.drivers_toml.probe import IMPORTS, PROBE, PROBE_KEYS, PROBE_TIMEOUT
from envbuild.drivers_toml.requirement import (
    parse_cuda,
    parse_override,
    parse_package,
    read_requirement,
)
from envbuild.drivers_toml.table import (
    Key,
    Place,
    Table,
    TextError,
    boolean,
    kind,
    list_of,
    nearest,
    read_table,
    text,
)
from envbuild.drivers_toml.target import (
    BYTECODE,
    CONSTRAINTS,
    DEFAULTS_KEYS,
    EXCLUDE_NEWER,
    PLATFORMS,
    PYTHON,
    PYTHON_DOWNLOADS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration import DeclaredRequirement

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_NAME = 40
_RESERVED = "bin"
"""A generation has a folder `bin` among the links to its drivers' environments."""

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


_CUDA = 'cuda = ">=12.4"'

CUDA = Key("cuda", text(parse_cuda, hint=f"write {_CUDA}"))
ACCELERATOR_KEYS: tuple[Key[object], ...] = (CUDA,)


def _read_accelerator(value: object, place: Place) -> Accelerator | None:
    hint = f"write it like accelerator = {{ {_CUDA} }}"
    table = read_table(value, place, ACCELERATOR_KEYS, hint=hint)
    if table is None:
        return None
    if not table.present:
        place.wrong("must not be empty", hint=hint)
    cuda = table.get(CUDA)
    return None if cuda is None else Accelerator(cuda=cuda)


REQUIRES = Key("requires", list_of(read_requirement, filled=True))
BINARY = Key("binary", text(_command))
COMMANDS = Key("commands", list_of(text(_command), filled=True, unique=True))
VERSION_OF = Key("version-of", text(parse_package))
OVERRIDES = Key("overrides", list_of(text(parse_override)))
ENV = Key("env", read_env)
ACCELERATOR = Key("accelerator", _read_accelerator)
ALLOW_SDIST = Key("allow-sdist", list_of(text(parse_package), unique=True))
ENABLED = Key("enabled", boolean)

DRIVER_KEYS: tuple[Key[object], ...] = (
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


def read_drivers(value: object, place: Place, defaults: Table) -> tuple[Driver, ...]:
    """Every driver that can be read, in the order of the file."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=f"a driver is {DRIVER_FORM}")
        return ()
    _check_names(value, place)
    drivers = (_read_driver(name, inner, place.at(name), defaults) for name, inner in value.items())
    return tuple(driver for driver in drivers if driver is not None)


def _check_names(names: Iterable[str], place: Place) -> None:
    first: dict[str, str] = {}
    for name in names:
        same = first.setdefault(_normal(name), name)
        problem = _problem_with(name)
        if same != name:
            line = place.at(same).line
            problem = TextError(
                f"the driver {name!r} has the name of the driver {same!r} on line {line}",
                hint="capitals, underscores and repeated hyphens make no other name; choose one",
            )
        if problem is not None:
            place.at(name).wrong(str(problem), hint=problem.hint)


def _problem_with(name: str) -> TextError | None:
    if len(name) > _LONGEST_NAME:
        return TextError(
            f"a driver's name has at most {_LONGEST_NAME} characters, not {len(name)}",
            hint="shorten it",
        )
    if name == _RESERVED:
        return TextError(
            "no driver can be called 'bin'", hint="a generation has a folder `bin` of its own"
        )
    if _NAME.fullmatch(name):
        return None
    better = _normal(name)
    return TextError(
        f"{name!r} is not a driver's name",
        hint=f"call it '{better}'"
        if _NAME.fullmatch(better)
        else "lower-case letters, digits, and hyphens between them",
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_. ]+", "-", name).strip("-").lower()


def _read_driver(name: str, value: object, place: Place, defaults: Table) -> Driver | None:
    table = read_table(value, place, DRIVER_KEYS, hint=f"a driver is {DRIVER_FORM}")
    if table is None:
        return None
    if not table.has(REQUIRES):
        place.wrong("the driver has no `requires`", hint='add requires = ["PACKAGE"]')
    requires = table.get(REQUIRES)
    if requires is None:
        return None
    binary = table.get(BINARY) or name
    commands = table.get(COMMANDS) or ()
    return Driver(
        name=name,
        line=place.line,
        requires=requires,
        binary=binary,
        commands=commands if binary in commands else (binary, *commands),
        version_of=_version_of(table, requires),
        python=_own(table, defaults, PYTHON, DEFAULT_PYTHON),
        python_downloads=_own(table, defaults, PYTHON_DOWNLOADS, True),
        platforms=_own(table, defaults, PLATFORMS, DEFAULT_PLATFORMS),
        constraints=_constraints(table, defaults),
        overrides=table.get(OVERRIDES) or (),
        exclude_newer=_own(table, defaults, EXCLUDE_NEWER, None),
        env=table.get(ENV) or (),
        accelerator=table.get(ACCELERATOR),
        allow_sdist=table.get(ALLOW_SDIST) or (),
        enabled=table.get(ENABLED) is not False,
        probe=table.get(PROBE) or (),
        imports=table.get(IMPORTS) or (),
        probe_timeout=table.get(PROBE_TIMEOUT) or DEFAULT_PROBE_TIMEOUT,
        bytecode=_own(table, defaults, BYTECODE, True),
    )


def _own(table: Table, defaults: Table, key: Key[T], otherwise: T) -> T:
    """What a driver says of a key, else what the defaults say, else what is built in."""
    for value in (table.get(key), defaults.get(key)):
        if value is not None:
            return value
    return otherwise


def _constraints(table: Table, defaults: Table) -> tuple[str, ...]:
    """The defaults' constraints and the driver's own: all of them hold."""
    both = (*(defaults.get(CONSTRAINTS) or ()), *(table.get(CONSTRAINTS) or ()))
    return tuple(dict.fromkeys(both))


def _version_of(table: Table, requires: tuple[DeclaredRequirement, ...]) -> str:
    package = table.get(VERSION_OF)
    names = [requirement.name for requirement in requires]
    if package is None or package in names:
        return package or names[0]
    near = nearest(package, names)
    table.place.at(VERSION_OF.name).wrong(
        f"the driver does not require '{package}'",
        hint=f"did you mean '{near}'?" if near else "name one of the packages in `requires`",
    )
    return package
