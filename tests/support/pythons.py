"""The Pythons of this machine that tests may use: asked for by version, never by luck."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
"""What a declaration asks for to get the Python of this process: `3.12`."""

WANTED = ("3.11", "3.12", "3.13", "3.14")
_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix == sys.base_prefix)"


def find_pythons() -> dict[str, Path]:
    """Minor version → an interpreter that is no venv's and starts; this process's own comes first.

    Reads the real home and environment: call it before a test's isolation hides them.
    """
    found = {MINOR: own_python()}
    for minor in WANTED:
        for candidate in _candidates(minor):
            if minor not in found and _is_python(candidate, minor):
                found[minor] = candidate
    return found


def own_python() -> Path:
    """The interpreter that this process runs in, outside any venv."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def pyenv_root() -> Path:
    """Where pyenv keeps its Pythons, whether or not it is there."""
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _candidates(minor: str) -> list[Path]:
    """Interpreters that may be this version, the likeliest first."""
    by_uv = Path.home() / ".local" / "share" / "uv" / "python"
    known = [
        *sorted(by_uv.glob(f"cpython-{minor}.*/bin/python{minor}")),
        *sorted(pyenv_root().glob(f"versions/{minor}.*/bin/python{minor}")),
    ]
    on_path = shutil.which(f"python{minor}")
    system = Path(f"/usr/bin/python{minor}")
    return [*([Path(on_path)] if on_path else ()), system, *reversed(known)]


def _is_python(path: Path, minor: str) -> bool:
    """Whether this is no shim, no venv's, and the version that its name says."""
    if not path.exists() or "shims" in path.parts:
        return False
    done = subprocess.run((path, "-I", "-c", _ASK), capture_output=True, text=True, timeout=30)
    return done.returncode == 0 and done.stdout.split() == [minor, "True"]
