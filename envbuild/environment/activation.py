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
"""Two shared locks that end with the process and that child programs do not inherit.

The first is a read lock of the whole file (37 is F_OFD_SETLK; a `struct flock` of zeros is F_RDLCK from the start).
A user who can only read the file cannot prevent it. The second is a flock, which shows the process in `/proc/locks`.
Both are taken without waiting.
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
"""For a Python that was started through `current`: that link may change before the last import.

A copy of the environment in another place stays as it is.
"""


def render_activation(bin_folder: str, env: Iterable[tuple[str, str]]) -> str:
    """The module that the environment's Python imports at every start, through a `.pth` file.

    It takes the environment's lease,
    uses the environment's real path if Python was started through a link,
    puts the environment's commands first on PATH, once, and sets the declared variables that are unset.
    A missing PATH, as under `env -i`, counts as the system's default.
    Values are set as UTF-8 bytes, because the locale's encoding may not have their characters.
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
