"""The launchers' own programs, as nox's session `launchers` installs them, or a loud skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_TOOLS = os.environ.get("ENVBUILD_LAUNCHER_TOOLS")
"""A folder with one venv a launcher; read when tests are collected, before they are isolated."""

_PATH = os.environ.get("PATH", os.defpath)
_QUADLET_FOLDERS = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/lib/systemd/system-generators")


def tool(venv: str, command: str) -> Path:
    """A command of a launcher's venv; skips the test where there is none."""
    if _TOOLS is not None:
        found = Path(_TOOLS, venv, "bin", command)
        if found.exists():
            return found
    pytest.skip(f"NOT TESTED against {venv}: run `nox -s launchers`, which installs it")


def system_tool(command: str, package: str) -> Path:
    """A program of the system; skips the test where it is not installed."""
    found = shutil.which(command, path=_PATH)
    if found is None:
        pytest.skip(f"NOT TESTED: {command} is not here; on Debian: apt-get install {package}")
    return Path(found)


def quadlet_generator() -> Path:
    """podman's generator; skips the test where podman is older than 4.4 or missing."""
    names = ("quadlet", "podman-system-generator")
    for folder in (*_PATH.split(os.pathsep), *_QUADLET_FOLDERS):
        for name in names:
            if os.access(Path(folder, name), os.X_OK):
                return Path(folder, name)
    pytest.skip("NOT TESTED: no quadlet; it comes with podman >= 4.4 (apt-get install podman)")


def verify_unit(unit: Path) -> tuple[int, str]:
    """What systemd-analyze says to a unit and its drop-ins; what it says to others is left out."""
    analyze = system_tool("systemd-analyze", "systemd")
    argv = (analyze, "verify", "--man=no", unit)
    done = subprocess.run(argv, capture_output=True, text=True, cwd=unit.parent)
    named = [line for line in done.stderr.splitlines() if unit.name in line]
    return done.returncode, "\n".join(named)
