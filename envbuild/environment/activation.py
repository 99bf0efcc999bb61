"""The text of the start-up files of an environment."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from envbuild.declaration.placeholders import split_at_cache
from envbuild.environment.lease import LEASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.environment.derivation import Derivation

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
_CACHE = os.fsencode(_CACHE)
"""
"""The driver's own writable folder: systemd's for the unit, else one in the user's cache."""

_MAKE_CACHE = """
try:
    os.makedirs(os.path.dirname(_CACHE), 0o700, exist_ok=True)
    os.makedirs(_CACHE, 0o700, exist_ok=True)
except OSError:
    pass
"""
"""Where a declared value names it. If it cannot be made, whoever writes there says so."""

CACHES = (
    ("MPLCONFIGDIR", "{cache}/matplotlib"),
    ("NUMBA_CACHE_DIR", "{cache}/numba"),
    ("TORCHINDUCTOR_CACHE_DIR", "{cache}/torchinductor"),
    ("TRITON_CACHE_DIR", "{cache}/triton"),
)
"""Cache folders of packages that would otherwise write beside their modules, or share one folder between drivers."""

_LIBRARIES = """
_LIBRARIES = os.environ.get("LD_LIBRARY_PATH", "")
if not (_LIBRARIES + ":").startswith({folders!r} + ":"):
    os.environ["LD_LIBRARY_PATH"] = {folders!r} + (_LIBRARIES and ":" + _LIBRARIES)
"""
"""For children of a Python that was started without the driver's own command."""


def places_in(environment: str, python_version: str) -> dict[str, str]:
    """The values of placeholders in variables, for an environment; all except `{cache}`."""
    minor = ".".join(python_version.split(".")[:2])
    return {
        "env": environment,
        "site-packages": f"{environment}/lib/python{minor}/site-packages",
        "python": f"{environment}/bin/python",
    }


def library_folders(environment: str, python_version: str, library_path: Iterable[str]) -> str:
    """Folders below site-packages for `LD_LIBRARY_PATH`; empty if there are none."""
    site_packages = places_in(environment, python_version)["site-packages"]
    return ":".join(f"{site_packages}/{folder}" for folder in library_path)


def render_activation(derivation: Derivation, environment: str) -> str:
    """The module that the environment's Python imports at every start, through a `.pth` file.

    It uses the environment's real path if Python was started through a link,
    and does nothing in a process whose `sys.prefix` is another.
    It takes the environment's lease, puts the environment's commands first on PATH, once,
    and sets the declared variables and those of caches that are unset.
    A missing PATH, as under `env -i`, counts as the system's default.
    Values are set as UTF-8 bytes, because the locale's encoding may not have their characters.
    """
    lines = [
        '"""Baked in by envbuild: whoever starts this Python, the process is the same."""',
        "import os, sys",
        _LEASE,
        _SETTLE,
        f"if sys.prefix != {environment!r}:",
        f"    _settle(sys.prefix, {environment!r})",
        f"if sys.prefix == {environment!r}:",
        indent("\n".join(_body(derivation, environment)), "    "),
    ]
    return "\n".join(lines) + "\n"


def _body(derivation: Derivation, environment: str) -> Iterator[str]:
    yield f"_hold({f'{environment}/{LEASE_FILE}'!r})"
    yield f"_BIN = {f'{environment}/bin'!r}"
    yield "_PATH = os.environ.get('PATH') or os.defpath"
    yield "if _PATH.split(os.pathsep, 1)[0] != _BIN:"
    yield "    os.environ['PATH'] = _BIN + os.pathsep + _PATH"
    places = places_in(environment, derivation.python_version)
    declared = {name: split_at_cache(value, places) for name, value in derivation.env}
    pieces = {name: split_at_cache(value, places) for name, value in CACHES} | declared
    yield _CACHE.format(driver=derivation.driver)
    if any(len(found) > 1 for found in declared.values()):
        yield _MAKE_CACHE
    for name, found in pieces.items():
        yield f"os.environb.setdefault({name.encode()!r}, {_python_value(found)})"
    if derivation.library_path:
        folders = library_folders(environment, derivation.python_version, derivation.library_path)
        yield _LIBRARIES.format(folders=folders)


def _python_value(pieces: Sequence[str]) -> str:
    """A value's expression; `_CACHE` stands between its pieces."""
    texts = [repr(piece.encode()) for piece in pieces]
    return texts[0] if len(texts) == 1 else f"_CACHE.join(({', '.join(texts)}))"
