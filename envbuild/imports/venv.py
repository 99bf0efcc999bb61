"""Read a venv that somebody made by hand; none of its code is run."""

from __future__ import annotations

import configparser
import json
import re
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.declaration.toml.source import check_source
from envbuild.errors import EnvbuildError
from envbuild.imports.direct import archive_source, git_source
from envbuild.imports.installed import VenvPackage
from envbuild.imports.toml_values import table_at, text_at
from envbuild.launchers.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.imports.direct import SourceTable

_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(3\.\d+)", re.MULTILINE)


def is_venv(folder: Path) -> bool:
    """Whether a folder is a venv."""
    return (folder / "pyvenv.cfg").is_file()


def venv_python(folder: Path) -> str | None:
    """The minor version of a venv's Python, such as `3.12`, or None if it is unknown."""
    match = _VERSION.search((folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace"))
    return match[1] if match else None


def read_distributions(folder: Path) -> tuple[VenvPackage, ...]:
    """Every package of a venv, ordered by name."""
    infos = sorted(folder.glob("lib*/python3.*/site-packages/*.dist-info"))
    found = (_read(info) for info in infos if (info / "METADATA").is_file())
    return tuple(sorted(found, key=lambda package: package.name))


def _read(info: Path) -> VenvPackage:
    text = (info / "METADATA").read_text(encoding="utf-8", errors="replace")
    headers = HeaderParser().parsestr(text)
    name = canonicalize_name(headers.get("Name", ""))
    return VenvPackage(
        name=name,
        version=headers.get("Version", ""),
        requires=tuple(headers.get_all("Requires-Dist", [])),
        requested=_requested(info),
        commands=_commands(info / "entry_points.txt"),
        by_url=(info / "direct_url.json").exists(),
        source=_source(info / "direct_url.json", name),
    )


def _requested(info: Path) -> bool | None:
    """Whether a package was named when it was installed; None if uv installed it, which marks every package."""
    if (info / "INSTALLER").is_file() and (info / "INSTALLER").read_bytes().strip() == b"uv":
        return None
    return (info / "REQUESTED").exists()


def _source(file: Path, name: str) -> SourceTable:
    """What a `direct_url.json` (PEP 610) names, as a source; empty if it cannot be one."""
    if not file.is_file():
        return ()
    try:
        told = json.loads(read_text(file))
        url, vcs = text_at(told, "url"), table_at(told, "vcs_info")
        if vcs:
            ref, folder = text_at(vcs, "commit_id"), text_at(told, "subdirectory")
            source = git_source(url, ref, folder) if text_at(vcs, "vcs") == "git" else ()
        else:
            source = archive_source(url, text_at(told, "archive_info", "hashes", "sha256"))
        if source:
            check_source(name, dict(source))
    except (EnvbuildError, ValueError, RecursionError):
        return ()
    return source


def _commands(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return ()
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
    except configparser.Error:
        return ()
    return tuple(parser["console_scripts"]) if parser.has_section("console_scripts") else ()
