"""The start-up files that are baked into an environment, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULE = "_envbuild_activation"
MODULE_FILE = f"{MODULE}.py"
PTH_FILE = "_envbuild.pth"
PTH_TEXT = f"import {MODULE}\n"


def render_activation(bin_folder: str, env: Iterable[tuple[str, str]]) -> str:
    """The module that every start of the environment's Python imports through its `.pth` file.

    It puts the environment's own commands first on PATH, once, and sets what is declared where unset.
    A PATH that is missing, as under `env -i`, counts as the system's default one.
    """
    lines = [
        '"""Baked in by envbuild: whoever starts this Python, the process is the same."""',
        "import os",
        "",
        f"_BIN = {bin_folder!r}",
        "_PATH = os.environ.get('PATH') or os.defpath",
        "if _PATH.split(os.pathsep, 1)[0] != _BIN:",
        "    os.environ['PATH'] = _BIN + os.pathsep + _PATH",
    ]
    lines += [f"os.environ.setdefault({name!r}, {value!r})" for name, value in env]
    return "\n".join(lines) + "\n"
