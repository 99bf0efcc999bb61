"""What a folder and a host have that could be imported."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.imports.files import read_drafts
from envbuild.imports.preset import is_preset
from envbuild.imports.venv import is_venv
from envbuild.launchers.files import read_text
from envbuild.posix.process_table import arguments_of, pids
from envbuild.value import value
from envbuild.yaml_text import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = re.compile(
    r"[A-Za-z0-9._-]*requirements[A-Za-z0-9._-]*\.(txt|in)|pyproject\.toml|Pipfile"
    r"|pylock(\.[^.]+)?\.toml|environment\.ya?ml"
)
_IN_VENV = re.compile(r"(/.{1,2000})/bin/[^/]{1,100}")
_OTHERS = {"node_modules", "locks", "__pycache__", "site-packages"}
"""Folders in which nothing is looked for, besides hidden ones."""

_DEEPEST = 2
MOST_ENTRIES = 2000
_MOST_YAML = 100


@value
class Importable:
    """Something that `import` takes."""

    paths: tuple[str, ...]
    """What is imported together, as a user would name it."""

    about: str
    """What it is, in a few words."""


def look_around(folder: Path) -> tuple[Importable, ...]:
    """The files and venvs in a folder, and the presets and venvs two folders deep; at most 2,000 entries are seen.

    A venv beside such a file is left out: it was probably made from that.
    """
    entries = sorted(_entries(folder))
    files = [path for path in entries if path.parent == folder and _NAMES.fullmatch(path.name)]
    files = [path for path in files if _is_source(path, files) and _has_drafts(path, folder)]
    venvs = [path.parent for path in entries if path.name == "pyvenv.cfg"]
    venvs = [venv for venv in venvs if not (files and venv.parent == folder)]
    yaml = [path for path in entries if path.suffix in (".yaml", ".yml")][:_MOST_YAML]
    return (
        *(_importable_of(path, folder) for path in files),
        *(Importable(paths=(str(venv),), about="a venv") for venv in venvs),
        *(
            Importable(paths=(str(path),), about="a gpumod preset")
            for path in filter(_is_preset, yaml)
        ),
    )


def running_venvs(store: Path) -> tuple[Importable, ...]:
    """The venvs whose Pythons run on this host, as far as this user may see; none that envbuild has built."""
    found: dict[str, list[int]] = {}
    for pid in pids():
        program = arguments_of(pid)[0]
        match = _IN_VENV.fullmatch(program)
        if match is not None and program == os.path.normpath(program):
            found.setdefault(match[1], []).append(pid)
    own = os.path.realpath(store)
    return tuple(
        Importable(paths=(folder,), about=f"the venv of {_processes(running)}")
        for folder, running in sorted(found.items())
        if is_venv(Path(folder)) and not f"{os.path.realpath(folder)}/".startswith(f"{own}/")
    )


def _processes(running: list[int]) -> str:
    first = f"process {min(running)}"
    return first if len(running) == 1 else f"{first} and {len(running) - 1} more"


def _entries(folder: Path) -> Iterator[Path]:
    """The files that may matter; links to folders are not followed."""
    waiting, seen = [(folder, 0)], 0
    while waiting:
        inner, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(inner), key=lambda entry: entry.name)
        except OSError:
            continue
        is_hidden = inner.name.startswith(".") and inner != folder
        for entry in entries:
            seen += 1
            if seen > MOST_ENTRIES:
                return
            if entry.is_dir(follow_symlinks=False):
                may = entry.name not in _OTHERS and not is_hidden
                if may and depth < _DEEPEST and not (inner / "pyvenv.cfg").exists():
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.is_file() and (not is_hidden or entry.name == "pyvenv.cfg"):
                yield Path(entry.path)


def _is_source(path: Path, files: list[Path]) -> bool:
    """Whether a file is not the compiled form of another one."""
    return path.suffix != ".txt" or path.with_suffix(".in") not in files


def _has_drafts(path: Path, folder: Path) -> bool:
    """Whether an import of the file would give a driver."""
    try:
        return any(draft.requires for draft in read_drafts(path, base=folder))
    except EnvbuildError:
        return False


def _importable_of(path: Path, folder: Path) -> Importable:
    shown = str(path)
    if path.name == "pyproject.toml" and (folder / "uv.lock").is_file():
        return Importable(
            paths=(shown, str(folder / "uv.lock")),
            about="a project, with the versions of its uv.lock",
        )
    kinds = {"pyproject.toml": "a project", "Pipfile": "of Pipenv"}
    other = {".toml": "a lockfile (PEP 751)", ".yml": "of conda", ".yaml": "of conda"}
    return Importable(
        paths=(shown,), about=kinds.get(path.name) or other.get(path.suffix) or "requirements"
    )


def _is_preset(path: Path) -> bool:
    try:
        return is_preset(parse_yaml(read_text(path), file=str(path)))
    except EnvbuildError:
        return False
