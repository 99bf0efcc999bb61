"""Everything that decides an environment's content, as one value; its digest is the key in the environment's name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from envbuild.declaration.placeholders import has_placeholders
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import ChosenFile

LAYOUT = 5
"""Raised whenever the same derivation would be built into different files."""

GENERATED = 2
"""The version of generated commands and of placeholders: raised whenever the same words would become other files."""

WHEREVER = 1
"""The first version of the start-up file, which receipts do not name: it acts in every process that imports it."""

SHORT = 12
"""How many hex digits of the key are in an environment's path."""


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

    activation: int = 2
    """The version of the start-up file. It is not part of the key: what an older envbuild built stays valid.

    A receipt keeps it, so that a repair writes the same file again.
    """


def compute_key(derivation: Derivation) -> str:
    """64 hex digits: sha256 over all fields that decide the content, each with its name.

    The fields are listed by hand, because a new one changes every existing key.
    """
    files = sorted((file.file, file.sha256) for file in derivation.files)
    content: dict[str, object] = {
        "layout": LAYOUT,
        "files": [list(file) for file in files],
        "python": {
            "path": derivation.python,
            "version": derivation.python_version,
            "cache_tag": derivation.cache_tag,
        },
        "env": [list(pair) for pair in derivation.env],
        "bytecode": derivation.bytecode,
    }
    if derivation.command:
        content["command"] = [GENERATED, derivation.driver, *derivation.command]
    if derivation.library_path:
        content["library-path"] = list(derivation.library_path)
    if derivation.prepare:
        content["prepare"] = [list(words) for words in derivation.prepare]
        content["prepare-network"] = derivation.prepare_network
    if has_placeholders(value for _, value in derivation.env):
        content["placeholders"] = [GENERATED, derivation.driver]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_name(driver: str, version: str, key: str) -> str:
    """`vllm-0.11.0-3f9a2c1b7d4e`; an epoch's `!`, which unit files do not allow, becomes `-`."""
    return f"{driver}-{version.replace('!', '-')}-{key[:SHORT]}"
