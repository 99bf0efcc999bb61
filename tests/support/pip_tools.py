"""Drivers that pip-tools resolves, and a pip-tools that does something else; without pip-tools, a test is skipped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command_line import CommandLine

pytest.importorskip("piptools", reason="NOT TESTED: pip-tools is not installed beside envbuild")

BY_PIP = 'resolver = "pip-tools"'


def declare(command: CommandLine, *requires: str, python: str, more: str = "") -> None:
    """One driver `app`, resolved by pip-tools."""
    text = declare_drivers({"app": requires}, python=python)
    command.declare(f"{text}{BY_PIP}\n{more}")


def locked(command: CommandLine) -> dict[str, str]:
    """The locked version of each package."""
    return {one.name: one.version for one in command.lockfile("app").packages}


FAKE = {
    "pip_tools-9.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pip-tools\nVersion: 9.0\nRequires-Dist: pip\n",
    "pip_tools-9.0.dist-info/RECORD": "piptools/__init__.py,,\npip_tools-9.0.dist-info/METADATA,,\n",
    "piptools/__init__.py": "",
    "piptools/repositories.py": "PyPIRepository = lambda *_, **__: None\n",
}

RESOLVER = (
    "class BacktrackingResolver:\n    def __init__(self, **_): pass\n    def resolve(self, **_):\n"
)


def fake_pip_tools(folder: Path, body: str, files: Mapping[str, str] = FAKE) -> dict[str, str]:
    """A pip-tools whose resolver does something else; the variables under which envbuild finds it."""
    for name, text in {**files, "piptools/resolver.py": f"{RESOLVER}        {body}\n"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    python_path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join((str(folder), *((python_path,) if python_path else ())))}
