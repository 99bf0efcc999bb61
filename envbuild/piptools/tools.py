"""pip-tools as it is installed beside envbuild, and what it needs on a given Python.

All of it is pure Python, so that one installation serves every Python of the host.
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envbuild.errors import HostError, Problem
from envbuild.requirement.parse import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST = {"pip": "25.1", "pip-tools": "7.5"}
"""The oldest versions that have what the worker uses."""


def link_tools(python: str, folder: Path) -> None:
    """Make a folder of links to pip-tools, pip and what they require on a Python (its full version).

    Nothing else of envbuild's own environment is seen from there.
    HostError if something is missing, too old, or not for that Python.
    """
    for found in _needed(python):
        for path in _top_level(found):
            link = folder / path.name
            if not link.is_symlink():
                link.symlink_to(path)


def _needed(python: str) -> Iterator[Distribution]:
    """pip-tools and everything that it requires on that Python, each once."""
    minor = ".".join(python.split(".")[:2])
    environment = {"python_version": minor, "python_full_version": python, "extra": ""}
    seen: set[str] = set()
    wanted = ["pip-tools"]
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        found = _installed(name, python)
        yield found
        requires = map(Requirement, found.requires or ())
        wanted += [
            normalized_name(one.name)
            for one in requires
            if one.marker is None or one.marker.evaluate(environment)
        ]


def _installed(name: str, python: str) -> Distribution:
    asked = " and ".join(f"{tool} {least} or newer" for tool, least in LEAST.items())
    hint = f"install {asked} for the Python that runs envbuild: {sys.executable}"
    try:
        found = distribution(name)
    except PackageNotFoundError:
        what = (
            "pip-tools is not" if name == "pip-tools" else f"{name}, which pip-tools needs, is not"
        )
        raise HostError(Problem(message=f"{what} installed beside envbuild", hint=hint)) from None
    least = LEAST.get(name)
    if least is not None and Version(found.version) < Version(least):
        message = f"{name} {found.version} is too old to resolve: envbuild needs {least} or newer"
        raise HostError(Problem(message=message, hint=hint))
    asked = (found.metadata.get_all("Requires-Python") or [""])[0]
    if not SpecifierSet(asked).contains(python, prereleases=True):
        message = f"{name} {found.version} does not run on Python {python}: it needs Python {asked}"
        hint = f"install a version of {name} beside envbuild that runs there, or resolve with uv"
        raise HostError(Problem(message=message, hint=hint))
    return found


def _top_level(found: Distribution) -> Iterator[Path]:
    """The files and folders of a distribution in site-packages."""
    root = Path(str(found.locate_file("")))
    names = {file.parts[0] for file in found.files or ()}
    for name in sorted(names - {"..", "__pycache__"}):
        yield root / name
