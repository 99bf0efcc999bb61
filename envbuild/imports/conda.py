"""The pip part of conda's `environment.yml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = ("pip", "setuptools", "wheel", "uv")
"""Tools that fill an environment; nothing is lost without them."""

_PYTHON = re.compile(r"python\s*=+\s*(3\.\d+)(\.\d+|\.\*)*(=.*)?")


def is_environment(document: object) -> bool:
    """Whether a YAML document looks like an environment of conda."""
    return isinstance(document, dict) and isinstance(document.get("dependencies"), list)


def read_environment(
    document: Mapping[str, object],
) -> tuple[str, str | None, tuple[str, ...]]:
    """Its pip part as the text of a requirements file, the minor version of its Python, and what is left out."""
    lines: list[str] = []
    left_out: list[str] = []
    python = None
    entries = document["dependencies"]
    for entry in entries if isinstance(entries, list) else []:
        inner = entry.get("pip") if isinstance(entry, dict) else None
        match = _PYTHON.fullmatch(str(entry).strip())
        if isinstance(inner, list):
            lines += [" ".join(str(line).split("\n")) for line in inner]
        elif match is not None:
            python = match[1]
        elif re.split(r"[\s=<>!~]", str(entry).strip())[0] not in _OWN:
            left_out.append(
                f"{str(entry)[:80]}: it is a package of conda; require what an index has in its place"
            )
    return "\n".join(lines), python, tuple(left_out)
