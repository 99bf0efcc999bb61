"""`lock --check` of a driver whose packages are three folders of 5,000 files."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from scripts.bench.fleets import LIFETIME, Project
from scripts.bench.rounds import compete
from scripts.bench.rows import compare
from scripts.bench.small import NOTHING, nothing
from tests.support.command_line import host_platform
from tests.support.index_server import IndexServer
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.bench.place import Place
    from scripts.bench.rows import Row

_FOLDERS, _FILES = 3, 5000
_PROJECT = """[project]
name = "NAME"
version = "1.0"
[project.scripts]
NAME = "NAME:main"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
_BACKEND = "def build_wheel(*_, **__):\n    raise SystemExit('nothing is built')\n"


def measure_path_sources(place: Place, rounds: int) -> Iterator[Row]:
    """The check when no file has changed."""
    folder = place.folder("path-sources")
    names = [f"svc{number}" for number in range(_FOLDERS)]
    for name in names:
        _write(folder / name, name)
    time.sleep(3)  # a younger file is read again each time
    with IndexServer(lifetime=LIFETIME) as index:
        project = Project(
            place=place, folder=folder, more={"ENVBUILD_INDEX_DEFAULT_URL": index.url}
        )
        sources = "".join(f'{name} = {{ path = "{name}" }}\n' for name in names)
        project.declare(
            f'version = 1\n[drivers.app]\nrequires = {names}\nbinary = "svc0"\n'
            f'python = "{MINOR}"\nplatforms = ["{host_platform()}"]\n[sources]\n{sources}'
        )
        project.envbuild("lock")
        project.envbuild("lock", "--check")
        check = project.call("lock", "--check", times=10)
        contest = compete(rounds, {NOTHING: nothing(place), "check": check})
    yield compare(
        contest,
        "check",
        NOTHING,
        chapter="Nothing to do",
        what=f"`lock --check`, {_FOLDERS} path sources of {_FILES:,} files",
        target=3.0,
    )


def _write(folder: Path, name: str) -> None:
    for number in range(_FILES - 2):
        path = folder / f"d{number // 100}" / f"f{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    (folder / "pyproject.toml").write_text(_PROJECT.replace("NAME", name))
    (folder / "backend.py").write_text(_BACKEND)
    os.sync()
