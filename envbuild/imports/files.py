"""Files and folders of an import → drafts of drivers."""

from __future__ import annotations

import configparser
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.declaration.toml.loading import load_toml
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.imports.conda import is_environment, read_environment
from envbuild.imports.direct import archive_name
from envbuild.imports.groups import read_groups
from envbuild.imports.installed import read_installed
from envbuild.imports.pipfile import read_pipfile
from envbuild.imports.poetry import read_poetry
from envbuild.imports.preset import hand_made_environment, is_preset, read_preset
from envbuild.imports.project import read_project
from envbuild.imports.pylock import read_pylock
from envbuild.imports.requirements_text import read_requirements_text
from envbuild.imports.toml_values import table_at, text_at
from envbuild.imports.uv_lock import read_uv_lock
from envbuild.imports.venv import is_venv, read_distributions, venv_python
from envbuild.imports.xinference import read_model
from envbuild.launchers.files import read_text
from envbuild.posix.input_file import lies_below
from envbuild.value import replace
from envbuild.yaml_text import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.imports.direct import Locate
    from envbuild.imports.draft import Draft

_REQUIREMENTS = (".txt", ".in")
_YAML = (".yaml", ".yml")
_HINT = (
    "requirements.in or .txt, pyproject.toml, pipx.toml, Pipfile, uv.lock, pylock.toml, "
    "environment.yml, a venv, a gpumod preset (.yaml), a Xinference model (.json)"
)
_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")


def read_drafts(
    path: Path, *, base: Path, engine: str | None = None, extras: tuple[str, ...] = ()
) -> tuple[Draft, ...]:
    """The drafts from a file or folder; UsageError if it cannot be imported.

    `base` is the folder of the declaration, to which the paths of sources are relative.
    `engine` is the engine for a Xinference model, `extras` are those of a project.
    """
    if path.is_dir():
        return (_from_venv(path),) if is_venv(path) else _from_folder(path, base)
    if not path.exists():
        raise UsageError(Problem(file=str(path), message="there is no such file or folder"))
    if path.suffix in _REQUIREMENTS:
        return (_from_requirements(path, read_text(path), base),)
    if path.name in ("Pipfile", "uv.lock") or path.suffix == ".toml":
        return _from_toml(path, base, tuple(map(canonicalize_name, extras)))
    if path.suffix in _YAML:
        return (_from_yaml(path, base),)
    if path.suffix == ".json":
        return _from_models(path, engine)
    raise UsageError(_unknown(path))


def _from_requirements(path: Path, text: str, base: Path, name: str | None = None) -> Draft:
    return read_requirements_text(
        name or _name_of(path),
        text,
        file=str(path),
        read=_included_from(path),
        locate=lambda file: _locator(Path(file), path, base),
    )


def _locator(file: Path, top: Path, base: Path) -> Locate:
    """Finds the paths that a file names, if they lie below the imported file's folder or the declaration's."""

    def locate(written: str) -> tuple[str, str | None]:
        found = os.path.realpath(file.parent / os.path.expanduser(written))  # noqa: PTH111
        folders = (top.absolute().parent, base.absolute())
        if not any(lies_below(found, folder) for folder in folders):
            raise TextError("the path leads out of the folder of the declaration")
        relative = os.path.relpath(found, os.path.realpath(base))
        if not os.path.lexists(found):
            raise TextError("there is no such file or folder")
        if os.path.isdir(found):  # noqa: PTH112
            return relative, project_name(Path(found))
        return relative, archive_name(found)

    return locate


def project_name(folder: Path) -> str | None:
    """The name of the project in a folder, from its pyproject.toml or setup.cfg; None if only code knows it."""
    if (folder / "pyproject.toml").is_file():
        document = _toml(folder / "pyproject.toml")
        name = text_at(document, "project", "name") or text_at(document, "tool", "poetry", "name")
        if name:
            return name
    if (folder / "setup.cfg").is_file():
        parser = configparser.RawConfigParser()
        with suppress(configparser.Error):
            parser.read_string(read_text(folder / "setup.cfg"))
            return parser.get("metadata", "name", fallback=None)
    return None


def _from_toml(path: Path, base: Path, extras: tuple[str, ...]) -> tuple[Draft, ...]:
    """The drivers of pyproject.toml, pipx.toml, Pipfile, uv.lock or pylock.toml."""
    document, file, locate = _toml(path), str(path), _locator(path, path, base)
    folder = path.absolute().parent.name
    if path.name == "Pipfile":
        return read_pipfile(folder, document, locate=locate)
    if path.name == "uv.lock":
        return read_uv_lock(folder, document, file=file, locate=locate)
    match = _PYLOCK.fullmatch(path.name)
    if match is not None:
        name = match[1][1:] if match[1] else folder
        return (read_pylock(name, document, file=file, locate=locate, extras=extras),)
    poetry = bool(table_at(document, "tool", "poetry"))
    project = read_project(document, file=file, extras=() if poetry else extras, locate=locate)
    drafts = (
        *(() if project is None else (project,)),
        *read_poetry(document, file=file, extras=extras, locate=locate),
        *read_groups(document, file=file, locate=locate),
    )
    if not drafts:
        message = (
            "it has no [project] with dependencies, no [dependency-groups] and no [tool.poetry]"
        )
        raise UsageError(Problem(file=file, message=message, hint=_HINT))
    return drafts


def _included_from(top: Path) -> Callable[[str, str], tuple[str, str]]:
    """Reads what a requirements file names with `-r` or `-c`: a file below the first one's folder."""

    def read(file: str, named: str) -> tuple[str, str]:
        path = Path(file).parent / named
        if not lies_below(os.path.realpath(path), top.absolute().parent):
            message = "it is outside the folder of the imported file, and is not read"
            raise UsageError(Problem(file=str(path), message=message))
        return os.path.normpath(path), read_text(path)

    return read


def _from_folder(folder: Path, base: Path) -> tuple[Draft, ...]:
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
    return tuple(draft for file in chosen for draft in read_drafts(file, base=base))


def _from_venv(folder: Path) -> Draft:
    name = folder.resolve().name
    if name in ("venv", ".venv", "env"):
        name = folder.resolve().parent.name
    return read_installed(name, venv_python(folder), read_distributions(folder))


def _from_yaml(path: Path, base: Path) -> Draft:
    """A preset, or an environment of conda."""
    document = parse_yaml(read_text(path), file=str(path))
    if not isinstance(document, dict) or is_preset(document) or not is_environment(document):
        return _from_preset(path, document)
    text, python, left_out = read_environment(document)
    folder = path.absolute().parent.name
    name = document.get("name")
    draft = _from_requirements(path, text, base, name if isinstance(name, str) else folder)
    return replace(draft, python=python, left_out=(*left_out, *draft.left_out))


def _from_preset(path: Path, preset: object) -> Draft:
    """A preset, with the versions of its venv, if that exists."""
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
        return load_toml(read_text(path))
    except ValueError as error:
        raise UsageError(Problem(file=str(path), message=f"this is not TOML: {error}")) from None
    except RecursionError:
        message = "tables and lists are nested too deeply"
        raise UsageError(Problem(file=str(path), message=message)) from None


def _name_of(path: Path) -> str:
    """`requirements-asr.txt`, `asr.in` and `asr/requirements.txt` are all for asr."""
    stem = path.stem.removeprefix("requirements").strip("-_.")
    stem = stem.removesuffix("requirements").strip("-_.")
    return stem or path.absolute().parent.name


def _unknown(path: Path) -> Problem:
    return Problem(
        file=str(path),
        message="this cannot be imported",
        hint=_HINT,
    )
