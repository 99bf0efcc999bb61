"""A package for each marker that a target leaves open, and what an environment has of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


OPEN = {
    "first": (f'python_full_version >= "{MINOR}.1"', True),
    "later": (f'python_full_version >= "{MINOR}.90"', False),
    "early": (f'python_full_version < "{MINOR}.1"', False),
    "named": (f'python_full_version in "{MINOR}.91 {MINOR}.92"', False),
    "runtime": (f'implementation_version >= "{MINOR}.1"', True),
    "runtime-later": (f'implementation_version > "{MINOR}.90"', False),
    "release": ('platform_release != "none"', True),
    "release-none": ('platform_release == "none"', False),
    "kernel": ('"no such kernel" not in platform_version', True),
    "kernel-none": ('"no such kernel" in platform_version', False),
    "both": (f'python_full_version >= "{MINOR}.1" and platform_release != "none"', True),
    "never": ('python_full_version < "3.6.2"', None),
}
"""Package → its marker, and whether this host needs it; None where no host of the target does."""


def installed(command: CommandLine, driver: str) -> set[str]:
    """The packages of a driver's current environment."""
    environment = Path(command("which", driver, "--env", check=True).stdout.strip())
    folders = environment.glob("lib/python3.*/site-packages/*.dist-info")
    return {path.name.partition("-")[0].replace("_", "-") for path in folders}


def uv_is_content(command: CommandLine, driver: str) -> bool:
    """Whether `uv pip check` finds nothing in a driver's current environment."""
    python = command("which", driver, "--python", check=True).stdout.strip()
    argv = (find_uv_bin(), "pip", "check", "--no-config", "--no-cache", "--python", python)
    env = {"PATH": os.defpath, "HOME": str(command.cwd)}
    return subprocess.run(argv, env=env, capture_output=True).returncode == 0


def add_open(index: IndexServer) -> None:
    """`web`, which asks for every package of OPEN under its marker."""
    requires = tuple(f"{name}; {marker}" for name, (marker, _) in OPEN.items())
    index.add(command_wheel("web", "1.0", requires=requires), *(Wheel(name=name) for name in OPEN))
