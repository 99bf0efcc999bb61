"""The digest that names an environment: all that decides its content, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.target.target import Interpreter

LAYOUT = 5
"""The layout's version: raised whenever the same inputs would be built into other files."""

SHORT = 12
"""How many hex digits of the key an environment's path carries."""


@value
class KeyInputs:
    """Everything that decides an environment's content."""

    files: tuple[tuple[str, str], ...]
    """Name and sha256 of every file to be installed, in name order."""

    interpreter: Interpreter
    env: tuple[tuple[str, str], ...]
    """What the activation sets."""

    bytecode: bool
    """Whether the modules' bytecode is in the environment."""


def compute_key(inputs: KeyInputs) -> str:
    """64 hex digits: sha256 over the inputs, each field by its name.

    Fields are taken apart by hand, so that a new one is a decision about every key there is.
    """
    interpreter = inputs.interpreter
    content = {
        "layout": LAYOUT,
        "files": [list(file) for file in inputs.files],
        "python": {
            "path": interpreter.path,
            "version": interpreter.version,
            "cache_tag": interpreter.cache_tag,
        },
        "env": [list(pair) for pair in inputs.env],
        "bytecode": inputs.bytecode,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_name(driver: str, version: str, key: str) -> str:
    """`vllm-0.11.0-3f9a2c1b7d4e`; an epoch's `!`, which unit files cannot carry, becomes `-`."""
    return f"{driver}-{version.replace('!', '-')}-{key[:SHORT]}"
