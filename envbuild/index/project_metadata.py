"""METADATA that a project's pyproject.toml settles (PEP 621), without its build backend."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST = 1 << 20
_DECISIVE = frozenset(("version", "dependencies", "optional-dependencies", "requires-python"))


def project_metadata(tree: Path) -> bytes | None:
    """METADATA of a project whose `[project]` has name, version and requirements, none of them dynamic; else None."""
    path = tree / "pyproject.toml"
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project")
        if not isinstance(project, dict) or _DECISIVE & {*project.get("dynamic", ())}:
            return None
        return "".join(f"{line}\n" for line in _lines(project)).encode()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None  # the build backend says what is wrong with it


def _lines(project: dict[str, Any]) -> Iterator[str]:
    from packaging.requirements import Requirement
    from packaging.version import Version

    yield "Metadata-Version: 2.1"
    yield f"Name: {_one_line(project['name'])}"
    yield f"Version: {Version(project['version'])}"
    if "requires-python" in project:
        yield f"Requires-Python: {_one_line(project['requires-python'])}"
    for text in project.get("dependencies", ()):
        yield f"Requires-Dist: {Requirement(text)}"
    for extra, texts in project.get("optional-dependencies", {}).items():
        yield f"Provides-Extra: {_one_line(extra)}"
        for text in texts:
            requirement = Requirement(text)
            own = f"({requirement.marker}) and " if requirement.marker is not None else ""
            requirement.marker = None
            yield f'Requires-Dist: {requirement} ; {own}extra == "{_one_line(extra)}"'


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has control characters")
    return text
