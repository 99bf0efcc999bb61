"""The text of the start-up files of an environment."""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING

from envbuild.declaration.placeholders import split_at_cache
from envbuild.environment.lease import LEASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


_CACHE = """
_CACHE = os.environ.get("CACHE_DIRECTORY", "").split(":", 1)[0]
if _CACHE[:1] != "/":
    _CACHE = os.environ.get("XDG_CACHE_HOME", "")
    if _CACHE[:1] != "/":
        _CACHE = os.path.expanduser("~/.cache")
    _CACHE += "/envbuild/" + {driver!r}
try:
    os.makedirs(os.path.dirname(_CACHE), 0o700, exist_ok=True)
    os.makedirs(_CACHE, 0o700, exist_ok=True)
except OSError:
    pass
_CACHE = os.fsencode(_CACHE)
"""
"""The driver's own writable folder: systemd's for the unit, else one in the user's cache.

Where it cannot be made, whoever writes there says so.
"""

_LIBRARIES = """
_LIBRARIES = os.environ.get("LD_LIBRARY_PATH", "")
if not (_LIBRARIES + ":").startswith({folders!r} + ":"):
    os.environ["LD_LIBRARY_PATH"] = {folders!r} + (_LIBRARIES and ":" + _LIBRARIES)
"""
"""For children of a Python that was started without the driver's own command."""


def places_in(environment: str, python_version: str) -> dict[str, str]:
    """What the placeholders of variables stand for in an environment, all but `{cache}`."""
    minor = ".".join(python_version.split(".")[:2])
    return {
        "env": environment,
        "site-packages": f"{environment}/lib/python{minor}/site-packages",
        "python": f"{environment}/bin/python",
    }


def library_folders(environment: str, python_version: str, library_path: Iterable[str]) -> str:
    """Folders below site-packages as `LD_LIBRARY_PATH` has them; empty where there are none."""
    site_packages = places_in(environment, python_version)["site-packages"]
    return ":".join(f"{site_packages}/{folder}" for folder in library_path)


def render_activation(
    bin_folder: str,
    env: Iterable[tuple[str, str]],
    *,
    driver: str = "",
    python_version: str = "",
    library_path: Sequence[str] = (),
) -> str:
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
    places = places_in(environment, python_version)
    pieces = {name: split_at_cache(value, places) for name, value in env}
    if any(len(found) > 1 for found in pieces.values()):
        lines.append(_CACHE.format(driver=driver))
    lines += [
        f"os.environb.setdefault({name.encode()!r}, {_python_value(found)})"
        for name, found in pieces.items()
    ]
    if library_path:
        folders = library_folders(environment, python_version, library_path)
        lines.append(_LIBRARIES.format(folders=folders))
    return "\n".join(lines) + "\n"


def _python_value(pieces: Sequence[str]) -> str:
    """A value's expression; `_CACHE` stands between its pieces."""
    texts = [repr(piece.encode()) for piece in pieces]
    return texts[0] if len(texts) == 1 else f"_CACHE.join(({', '.join(texts)}))"
