"""What `init` finds and offers."""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from typing import TYPE_CHECKING

import pytest

from envbuild.imports.surroundings import look_around, running_venvs

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "site"\ndependencies = ["flask"]\n'


def offered(folder: Path) -> list[tuple[str, ...]]:
    """The paths of each offer, relative to the folder."""
    prefix = f"{folder}/"
    return [tuple(path.removeprefix(prefix) for path in one.paths) for one in look_around(folder)]


def put(folder: Path, name: str, text: str = "flask\n") -> None:
    """Write a file, with its folders."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_files_that_would_give_a_driver_are_offered(tmp_path: Path) -> None:
    """A project with its lock as one; of a compiled file its source; no settings of tools, no notes."""
    put(tmp_path, "pyproject.toml", PROJECT)
    put(tmp_path, "uv.lock", "version = 1")
    put(tmp_path, "requirements.in")
    put(tmp_path, "requirements.txt", "flask==3.0\n")
    put(tmp_path, "requirements-dev.txt")
    put(tmp_path, "empty-requirements.txt", "# nothing\n")
    put(tmp_path, "notes.txt")
    put(tmp_path, "Pipfile", "[packages]\n")
    assert offered(tmp_path) == [
        ("pyproject.toml", "uv.lock"),
        ("requirements-dev.txt",),
        ("requirements.in",),
    ]


def test_venvs_and_presets_are_offered_two_folders_deep(tmp_path: Path) -> None:
    """Not in hidden folders, in venvs themselves, or behind links; a venv of its own is one."""
    for place in ("venvs/asr", ".venv", ".cache/x", "a/b/c/d"):
        put(tmp_path, f"{place}/pyvenv.cfg", "version = 3.12.1")
    put(tmp_path, "venvs/asr/lib/requirements.txt")
    put(tmp_path, "presets/chat.yaml", "id: chat\ndriver: vllm\n")
    put(tmp_path, "presets/other.yaml", "a: b\n")
    put(tmp_path, "presets/broken.yaml", "a: [\n")
    (tmp_path / "link").symlink_to("/")
    assert offered(tmp_path) == [(".venv",), ("venvs/asr",), ("presets/chat.yaml",)]


def test_a_venv_beside_a_project_is_its_own(tmp_path: Path) -> None:
    """What it was made from is offered, and not both."""
    put(tmp_path, "pyproject.toml", PROJECT)
    put(tmp_path, ".venv/pyvenv.cfg", "version = 3.12.1")
    put(tmp_path, "venvs/asr/pyvenv.cfg", "version = 3.12.1")
    assert offered(tmp_path) == [("pyproject.toml",), ("venvs/asr",)]


def test_a_large_folder_takes_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for millions of files."""
    monkeypatch.setattr("envbuild.imports.surroundings.MOST_ENTRIES", 20)
    (tmp_path / "data").mkdir()
    for number in range(30):
        (tmp_path / f"data/{number}").touch()
    put(tmp_path, "data/z/pyvenv.cfg")
    put(tmp_path, "requirements.txt")
    assert offered(tmp_path) == [("requirements.txt",)]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_venvs_of_running_processes_are_offered(tmp_path: Path) -> None:
    """Once for all processes; an environment of the store is no hand-made venv."""
    folder = tmp_path / "svc"
    venv.create(folder, symlinks=True)
    argv = (str(folder / "bin/python"), "-c", "import time; time.sleep(60)")
    running = [subprocess.Popen(argv) for _ in range(2)]
    try:
        deadline = time.monotonic() + 20
        found: dict[str, str] = {}
        while "and 1 more" not in found.get(str(folder), "") and time.monotonic() < deadline:
            found = {one.paths[0]: one.about for one in running_venvs(tmp_path / "store")}
        first = min(process.pid for process in running)
        assert found[str(folder)] == f"the venv of process {first} and 1 more"
        assert str(folder) not in {one.paths[0] for one in running_venvs(tmp_path)}
    finally:
        for process in running:
            process.kill()
            process.wait()
