"""The start-up files that are baked into an environment, as text."""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING

from envbuild.lease import LEASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULE = "_envbuild_activation"
MODULE_FILE = f"{MODULE}.py"
PTH_FILE = "_envbuild.pth"
PTH_TEXT = f"import {MODULE}\n"


_LEASE = """
def _hold(lease):
    try:
        import fcntl
        file = os.open(lease, os.O_RDONLY | os.O_CLOEXEC)
    except (ImportError, OSError):
        return
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(file)

"""
"""A shared lock that ends with the process, however that ends, and passes to no other program.

It waits for nobody: who holds the file exclusively is a gc that takes the environment away.
"""


def render_activation(bin_folder: str, env: Iterable[tuple[str, str]]) -> str:
    """The module that every start of the environment's Python imports through its `.pth` file.

    It takes the environment's lease,
    puts the environment's own commands first on PATH, once, and sets what is declared where unset.
    A PATH that is missing, as under `env -i`, counts as the system's default one.
    Values are set as UTF-8 bytes, because a locale's own encoding may not know their characters.
    """
    lines = [
        '"""Baked in by envbuild: whoever starts this Python, the process is the same."""',
        "import os",
        _LEASE,
        f"_hold({f'{dirname(bin_folder)}/{LEASE_FILE}'!r})",
        f"_BIN = {bin_folder!r}",
        "_PATH = os.environ.get('PATH') or os.defpath",
        "if _PATH.split(os.pathsep, 1)[0] != _BIN:",
        "    os.environ['PATH'] = _BIN + os.pathsep + _PATH",
    ]
    lines += [
        f"os.environb.setdefault({name.encode()!r}, {value.encode()!r})" for name, value in env
    ]
    return "\n".join(lines) + "\n"
