"""A `Pipfile` of Pipenv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.imports.poetry import read_entries
from envbuild.imports.toml_values import list_at, table_at, text_at
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.imports.direct import Locate
    from envbuild.imports.draft import Draft

_DEFAULT = "pypi"
"""Pipenv's name for the index that it writes into every file."""


def read_pipfile(
    name: str, document: Mapping[str, object], *, locate: Locate | None
) -> tuple[Draft, ...]:
    """A driver for `[packages]`, and one, `NAME-dev`, for `[dev-packages]`."""
    python = text_at(document, "requires", "python_version") or ".".join(
        text_at(document, "requires", "python_full_version").split(".")[:2]
    )
    packages = table_at(document, "packages")
    others = [text_at(one, "name") for one in list_at(document, "source")]
    left_out = tuple(
        f"the source {other[:80]}: declare it as an [[index]] with its packages"
        for other in others
        if other != _DEFAULT
    )
    first = read_entries(name, packages, locate)
    drafts = [replace(first, python=python or None, left_out=(*first.left_out, *left_out))]
    if table_at(document, "dev-packages"):
        second = read_entries(f"{name}-dev", table_at(document, "dev-packages"), locate)
        drafts.append(replace(second, python=python or None))
    return tuple(drafts)
