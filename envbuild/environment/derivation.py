"""Everything that decides an environment's content, as one value; its digest is the key in the environment's name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.value import value

if TYPE_CHECKING:
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


def compute_key(derivation: Derivation) -> str:
    """64 hex digits: sha256 over all fields that decide the content, each with its name.

    The fields are listed by hand, because a new one changes every existing key.
    """
    files = sorted((file.file, file.sha256) for file in derivation.files)
    content: dict[str, Any] = {
        "layout": LAYOUT,
        "driver": derivation.driver,
        "files": [list(file) for file in files],
        "python": {
            "path": derivation.python,
            "version": derivation.python_version,
            "cache_tag": derivation.cache_tag,
        },
        "env": [list(pair) for pair in derivation.env],
        "bytecode": derivation.bytecode,
        "command": list(derivation.command),
        "library-path": list(derivation.library_path),
        "prepare": [list(words) for words in derivation.prepare],
        "prepare-network": derivation.prepare_network and derivation.prepare != (),
    }
    if derivation.inherited:
        content["inherited"] = [list(one) for one in derivation.inherited]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_name(driver: str, version: str, key: str) -> str:
    """`vllm-0.11.0-3f9a2c1b7d4e`; an epoch's `!`, which unit files do not allow, becomes `-`."""
    return f"{driver}-{version.replace('!', '-')}-{key[:SHORT]}"
