"""Everything that decides an environment's content, as one value; its digest is the key in the environment's name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.lean_json import as_list, as_table, as_text
from envbuild.value import defaults_of, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import ChosenFile

LAYOUT = 7
"""Raised whenever the same derivation would be built into different files."""

SHORT = 12
"""How many hex digits of the key are in an environment's path."""


class InheritedDistribution(NamedTuple):
    """A distribution of the host that an environment links to."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    folder: str
    """The absolute path of its `.dist-info` folder; its modules lie beside it."""

    record: str
    """The sha256 of its RECORD; empty if it has none."""


@value
class Derivation:
    """What an environment is built from; the receipt keeps it for a later repair."""

    driver: str
    version: str
    """The driver's; the environment's name has it, with `-` for an epoch's `!`."""

    target: str
    """Such as `3.12-x86_64-manylinux_2_28`."""

    python: str
    """Absolute path of the interpreter, links resolved."""

    python_version: str
    """The full version, such as `3.12.1`."""

    cache_tag: str
    """The interpreter's, such as `cpython-312`."""

    env: tuple[tuple[str, str], ...]
    """The variables that the activation sets, ordered by name."""

    bytecode: bool
    """Whether the modules' bytecode is in the environment."""

    files: tuple[ChosenFile, ...]
    """The files to install, ordered by name; a source distribution if the driver allows it."""

    command: tuple[str, ...] = ()
    """The command of the generated `bin/<driver>`, with its first arguments; empty if there is none."""

    library_path: tuple[str, ...] = ()
    """Folders below site-packages that come first on `LD_LIBRARY_PATH`."""

    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands that ran in it before its receipt was written."""

    prepare_network: bool = False
    """Whether they could use the network."""

    inherited: tuple[InheritedDistribution, ...] = ()
    """What it takes from the host, ordered by name."""

    @property
    def digests(self) -> tuple[str, ...]:
        """The sha256 of each file, then the keys of the builds that make wheels of some."""
        builds = (file.build for file in self.files if file.build)
        return (*(file.sha256 for file in self.files), *builds)


class EnvironmentKey(NamedTuple):
    """A driver's key that decides an environment's content: a field of `Driver` and of `Derivation`."""

    parse: Callable[[object], Any]
    """Its value in a receipt → the field; TypeError if it is of another kind."""

    render: Callable[[Any], object] = lambda value: value
    """The field → its value in a receipt."""

    always: bool = False
    """Whether it is a part of the digest where it is not declared too; else old digests stay."""


def settings_of(source: Driver | Derivation) -> dict[str, Any]:
    """The environment keys of a driver, or of what was built from it, by name."""
    return {name: getattr(source, name) for name in ENVIRONMENT_KEYS}


def render_settings(derivation: Derivation) -> dict[str, object]:
    """The environment keys in a receipt; those with a default only if they are declared."""
    return {
        name: ENVIRONMENT_KEYS[name].render(found)
        for name, found in settings_of(derivation).items()
        if name not in _DEFAULTS or found != _DEFAULTS[name]
    }


def parse_settings(table: Mapping[str, object]) -> dict[str, Any]:
    """The inverse of `render_settings`; KeyError or TypeError says what is wrong."""
    return {
        name: key.parse(table[name])
        for name, key in ENVIRONMENT_KEYS.items()
        if name in table or name not in _DEFAULTS
    }


def _words(found: object) -> tuple[str, ...]:
    return tuple(map(as_text, as_list(found)))


def _commands(found: object) -> tuple[tuple[str, ...], ...]:
    return tuple(map(_words, as_list(found)))


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise TypeError(f"{found!r} is not true or false")
    return found


def _pairs(found: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, as_text(one)) for name, one in as_table(found).items())


ENVIRONMENT_KEYS: Mapping[str, EnvironmentKey] = {
    "env": EnvironmentKey(_pairs, render=dict, always=True),
    "bytecode": EnvironmentKey(_flag, always=True),
    "command": EnvironmentKey(_words, always=True),
    "library_path": EnvironmentKey(_words, always=True),
    "prepare": EnvironmentKey(_commands, always=True),
    "prepare_network": EnvironmentKey(_flag, always=True),
}

_DEFAULTS = defaults_of(Derivation)


def compute_key(derivation: Derivation) -> str:
    """64 hex digits: sha256 over all fields that decide the content, each with its name."""
    files = sorted(
        (file.file, file.sha256, *filter(None, [file.build])) for file in derivation.files
    )
    content: dict[str, Any] = {
        "layout": LAYOUT,
        "driver": derivation.driver,
        "files": [list(file) for file in files],
        "python": {
            "path": derivation.python,
            "version": derivation.python_version,
            "cache_tag": derivation.cache_tag,
        },
        **{
            name.replace("_", "-"): found
            for name, found in settings_of(derivation).items()
            if ENVIRONMENT_KEYS[name].always or found != _DEFAULTS[name]
        },
    }
    if not derivation.prepare:
        content["prepare-network"] = False  # nothing uses it
    if derivation.inherited:
        content["inherited"] = [list(one) for one in derivation.inherited]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_name(driver: str, version: str, key: str) -> str:
    """`vllm-0.11.0-3f9a2c1b7d4e`; an epoch's `!`, which unit files do not allow, becomes `-`."""
    return f"{driver}-{version.replace('!', '-')}-{key[:SHORT]}"
