"""Files and folders of an import → drafts of drivers."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.imports.groups import read_groups
from envbuild.imports.installed import read_installed
from envbuild.imports.preset import hand_made_environment, is_preset, read_preset
from envbuild.imports.requirements_text import read_requirements_text
from envbuild.imports.venv import is_venv, read_distributions, venv_python
from envbuild.imports.xinference import read_model
from envbuild.launchers.files import read_text
from envbuild.posix.input_file import lies_below
from envbuild.yaml_text import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.imports.draft import Draft

_REQUIREMENTS = (".txt", ".in")
_YAML = (".yaml", ".yml")


def read_drafts(path: Path, *, engine: str | None = None) -> tuple[Draft, ...]:
    """The drafts from a file or folder; UsageError if it cannot be imported.

    `engine` is the engine for a Xinference model.
    """
    if path.is_dir():
        return (_from_venv(path),) if is_venv(path) else _from_folder(path)
    if not path.exists():
        raise UsageError(Problem(file=str(path), message="there is no such file or folder"))
    if path.suffix in _REQUIREMENTS:
        text = read_text(path)
        return (
            read_requirements_text(_name_of(path), text, file=str(path), read=_included_from(path)),
        )
    if path.suffix == ".toml":
        return read_groups(_toml(path), file=str(path))
    if path.suffix in _YAML:
        return (_from_preset(path),)
    if path.suffix == ".json":
        return _from_models(path, engine)
    raise UsageError(_unknown(path))


def _included_from(top: Path) -> Callable[[str, str], tuple[str, str]]:
    """Reads what a requirements file names with `-r` or `-c`: a file below the first one's folder."""

    def read(file: str, named: str) -> tuple[str, str]:
        path = Path(file).parent / named
        if not lies_below(os.path.realpath(path), top.absolute().parent):
            message = "it lies outside the folder of the imported file, and is not read"
            raise UsageError(Problem(file=str(path), message=message))
        return os.path.normpath(path), read_text(path)

    return read


def _from_folder(folder: Path) -> tuple[Draft, ...]:
    """Every preset in a folder, or else every requirements file."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    presets = [
        file
        for file in files
        if file.suffix in _YAML and is_preset(parse_yaml(read_text(file), file=str(file)))
    ]
    chosen = presets or [file for file in files if file.suffix in _REQUIREMENTS]
    if not chosen:
        raise UsageError(_unknown(folder))
    return tuple(draft for file in chosen for draft in read_drafts(file))


def _from_venv(folder: Path) -> Draft:
    name = folder.resolve().name
    if name in ("venv", ".venv", "env"):
        name = folder.resolve().parent.name
    return read_installed(name, venv_python(folder), read_distributions(folder))


def _from_preset(path: Path) -> Draft:
    """A preset, with the versions of its venv, if that exists."""
    from envbuild.value import replace

    preset = parse_yaml(read_text(path), file=str(path))
    if not isinstance(preset, dict) or not is_preset(preset):
        raise UsageError(_unknown(path))
    draft = read_preset(preset, file=str(path))
    environment = hand_made_environment(preset)
    if environment is None or not is_venv(Path(environment)):
        return draft
    found = read_installed(draft.name, None, read_distributions(Path(environment)))
    note = f"its versions are those of the venv {environment}"
    return replace(
        draft,
        pins=found.pins,
        python=venv_python(Path(environment)),
        notes=(*draft.notes, note),
    )


def _from_models(path: Path, engine: str | None) -> tuple[Draft, ...]:
    """One Xinference model, or a list of them."""
    try:
        document = json.loads(read_text(path))
    except ValueError as error:
        raise UsageError(Problem(file=str(path), message=f"this is not JSON: {error}")) from None
    models = document if isinstance(document, list) else [document]
    chosen = [model for model in models if isinstance(model, dict) and "virtualenv" in model]
    if not chosen:
        raise UsageError(_unknown(path))
    return tuple(read_model(model, file=str(path), engine=engine) for model in chosen)


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(read_text(path))
    except ValueError as error:
        raise UsageError(Problem(file=str(path), message=f"this is not TOML: {error}")) from None


def _name_of(path: Path) -> str:
    """`requirements-asr.txt`, `asr.in` and `asr/requirements.txt` are all for asr."""
    stem = path.stem.removeprefix("requirements").strip("-_.")
    stem = stem.removesuffix("requirements").strip("-_.")
    return stem or path.absolute().parent.name


def _unknown(path: Path) -> Problem:
    return Problem(
        file=str(path),
        message="this cannot be imported",
        hint="requirements.in or .txt, pyproject.toml or pipx.toml with groups, a venv, "
        "a gpumod preset (.yaml), a Xinference model (.json)",
    )
