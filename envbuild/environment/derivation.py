"""All that decides an environment's content, as one value; its digest is the key that names the environment."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import ChosenFile

LAYOUT = 5
"""The layout's version: raised whenever the same derivation would be built into other files."""

SHORT = 12
"""How many hex digits of the key an environment's path carries."""


@value
class Derivation:
    """What an environment is built from; its receipt keeps it, so that it can be built again."""

    driver: str
    version: str
    """The driver's; the environment's name carries it, with `-` for an epoch's `!`."""

    target: str
    """Such as `3.12-x86_64-manylinux_2_28`."""

    python: str
    """Absolute path of the interpreter, links resolved."""

    python_version: str
    """The full version, such as `3.12.1`."""

    cache_tag: str
    """The interpreter's, such as `cpython-312`."""

    env: tuple[tuple[str, str], ...]
    """What the activation sets, in name order."""

    bytecode: bool
    """Whether the modules' bytecode is in the environment."""

    files: tuple[ChosenFile, ...]
    """What is installed, in name order; a source distribution where the driver allows one."""


def compute_key(derivation: Derivation) -> str:
    """64 hex digits: sha256 over what decides the content, each field by its name.

    Fields are taken apart by hand, so that a new one is a decision about every key there is.
    """
    files = sorted((file.file, file.sha256) for file in derivation.files)
    content = {
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
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_name(driver: str, version: str, key: str) -> str:
    """`vllm-0.11.0-3f9a2c1b7d4e`; an epoch's `!`, which unit files cannot carry, becomes `-`."""
    return f"{driver}-{version.replace('!', '-')}-{key[:SHORT]}"
