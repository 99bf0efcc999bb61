"""What an environment is built from, kept with it, so that it can be built again."""

from __future__ import annotations

from envbuild.value import value


@value
class ChosenFile:
    """A locked file that a host installs."""

    package: str
    version: str
    index: str
    file: str
    sha256: str
    size: int
    """In bytes."""


@value
class Recipe:
    """What an environment was built from: with the interpreter, all that building it again needs."""

    driver: str
    version: str
    """The driver's, as the environment's name carries it but for an epoch's `!`."""

    target: str
    """Such as `3.12-x86_64-manylinux_2_28`."""

    cache_tag: str
    """The interpreter's, such as `cpython-312`."""

    env: tuple[tuple[str, str], ...]
    """What the activation sets, in name order."""

    bytecode: bool
    """Whether the modules' bytecode is in the environment."""

    wheels: tuple[ChosenFile, ...]
    """What was installed, in name order; a source distribution where the driver allows one."""
