"""Read a venv that somebody made by hand; none of its code is run."""

from __future__ import annotations

import configparser
import re
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from envbuild.imports.installed import VenvPackage

if TYPE_CHECKING:
    from pathlib import Path

_SEPARATORS = re.compile(r"[-_.]+")
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
    return VenvPackage(
        name=_SEPARATORS.sub("-", headers.get("Name", "")).lower(),
        version=headers.get("Version", ""),
        requires=tuple(headers.get_all("Requires-Dist", [])),
        requested=(info / "REQUESTED").exists(),
        commands=_commands(info / "entry_points.txt"),
        by_url=(info / "direct_url.json").exists(),
    )


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
