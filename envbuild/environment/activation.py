"""The text of the start-up files of an environment."""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING

from envbuild.environment.lease import LEASE_FILE

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
        fcntl.fcntl(file, 37, bytes(32))
    except OSError:
        pass
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass

"""
"""Two shared locks that end with the process, however that ends, and pass to no other program.

The first is a read lock of the whole file (37 is F_OFD_SETLK, `struct flock` all zeros: F_RDLCK from the start on):
nobody who may only read the file can keep it from being taken. The second is a flock, for those who ask who runs.
Both wait for nobody.
"""


_SETTLE = """
def _settle(link, env):
    def real(path):
        return env + path[len(link):] if path.startswith(link + "/") else path
    try:
        if not os.path.samefile(link, env):
            return
    except OSError:
        return
    sys.prefix = sys.exec_prefix = env
    sys.executable = real(sys.executable or "")
    sys.path[:] = [real(path) for path in sys.path]

"""
"""Of a Python that was started through `current`: that link may lead elsewhere before the last import.

A copy at another place is left as it is.
"""


def render_activation(bin_folder: str, env: Iterable[tuple[str, str]]) -> str:
    """The module that every start of the environment's Python imports through its `.pth` file.

    It takes the environment's lease,
    holds on to the environment itself where a link led to it,
    puts the environment's own commands first on PATH, once, and sets what is declared where unset.
    A PATH that is missing, as under `env -i`, counts as the system's default one.
    Values are set as UTF-8 bytes, because a locale's own encoding may not know their characters.
    """
    environment = dirname(bin_folder)
    lines = [
        '"""Baked in by envbuild: whoever starts this Python, the process is the same."""',
        "import os, sys",
        _LEASE,
        f"_hold({f'{environment}/{LEASE_FILE}'!r})",
        _SETTLE,
        f"if sys.prefix != {environment!r}:",
        f"    _settle(sys.prefix, {environment!r})",
        f"_BIN = {bin_folder!r}",
        "_PATH = os.environ.get('PATH') or os.defpath",
        "if _PATH.split(os.pathsep, 1)[0] != _BIN:",
        "    os.environ['PATH'] = _BIN + os.pathsep + _PATH",
    ]
    lines += [
        f"os.environb.setdefault({name.encode()!r}, {value.encode()!r})" for name, value in env
    ]
    return "\n".join(lines) + "\n"
