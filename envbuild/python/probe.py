"""Ask a Python for its version and its kind."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.value import field_names, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.posix.process import Runner

_TIMEOUT = 20.0
"""Seconds for a Python to answer; a working one needs a hundredth of one."""

_EXECUTABLE = re.compile(r"python3\.\d+")

_QUESTION = r"""
import importlib.util, json, os, sys
magic = importlib.util.MAGIC_NUMBER
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (AttributeError, OSError, ValueError):
    libc = ""
own = os.path.dirname(os.path.abspath(sys.executable))
flags = getattr(sys, "abiflags", "")
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "cache_tag": sys.implementation.cache_tag or "",
    "magic": str(magic[0] | magic[1] << 8),
    "base": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "stdlib": os.path.realpath(os.path.dirname(os.__file__)),
    "libc": "glibc" if libc.startswith("glibc") else
        "musl" if "musl" in getattr(sys.implementation, "_multiarch", "") else "",
    "unfit": (
        "it is not CPython" if sys.implementation.name != "cpython" else
        "it is older than Python 3.8" if sys.version_info < (3, 8) else
        "it is not a final release" if sys.version_info[3] != "final" else
        "it is free-threaded" if "t" in flags else
        "it is a debug build" if "d" in flags or hasattr(sys, "gettotalrefcount") else
        "it is a 32-bit build" if sys.maxsize < 2**32 else
        "it is a virtual environment" if any(
            os.path.exists(os.path.join(folder, "pyvenv.cfg"))
            for folder in (own, os.path.dirname(own))
        ) else ""
    ),
}))
"""
"""Runs on every Python from 3.6, isolated and without site-packages."""


@value
class PythonAnswer:
    """A Python's answer about itself."""

    version: str
    """`3.12.1`, without the pre-release part; empty if it did not answer."""

    cache_tag: str
    magic: str
    """The magic number of its bytecode, in decimal digits."""

    base: str
    """The real path of the executable; the Python behind a virtual environment or a wrapper."""

    stdlib: str
    """The real path of the standard library's folder."""

    libc: str
    """`glibc`, `musl`, or empty for another C library."""

    unfit: str
    """Why it cannot be used for environments; empty if it can."""


_FIELDS = field_names(PythonAnswer)


def executables_of(prefix: Path) -> list[str]:
    """The `bin/python3.X` below a Python's own folder."""
    found = (path for path in prefix.glob("bin/python3.*") if _EXECUTABLE.fullmatch(path.name))
    return sorted(map(str, found))


def ask_python(path: str, runner: Runner, environment: Mapping[str, str]) -> PythonAnswer | None:
    """Run the executable for its answer; None if it does not start, fails, hangs or prints something else."""
    answer = ask_candidate(path, runner, environment)
    return answer if answer is not None and answer.version else None


def ask_candidate(path: str, runner: Runner, environment: Mapping[str, str]) -> PythonAnswer | None:
    """Run what may be a Python; None if it does not start or hangs, which may be different the next time.

    If it fails or prints something else, the answer has no version.
    """
    command = Command(
        argv=(path, "-I", "-S", "-c", _QUESTION),
        env=scrubbed_environment(environment),
        cwd="/",
        timeout=_TIMEOUT,
    )
    try:
        completed = runner.run(command)
    except HostError:
        return None
    if completed.timed_out:
        return None
    answer = parse_answer(completed.stdout) if completed.code == 0 else None
    return answer or _silent(path)


def _silent(path: str) -> PythonAnswer:
    """The answer of a program that is no Python, or that fails."""
    fields = dict.fromkeys(_FIELDS, "")
    return PythonAnswer(**{**fields, "base": path, "unfit": "it does not answer like a Python"})


def parse_answer(text: str) -> PythonAnswer | None:
    """The line that a Python printed → PythonAnswer, or None if it is invalid."""
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    return answer_from_fields(fields)


def answer_from_fields(fields: object) -> PythonAnswer | None:
    """A parsed JSON value → PythonAnswer, or None if a field is missing or is not a text."""
    if not isinstance(fields, dict):
        return None
    texts = {name: text for name in _FIELDS if isinstance(text := fields.get(name), str)}
    return PythonAnswer(**texts) if len(texts) == len(_FIELDS) else None


def is_shareable(executable: str, stdlib: str) -> bool:
    """Whether every user can start the executable and read its standard library.

    Checks the modes of the files and of all folders above them; both paths are absolute and without symlinks.
    Access lists and mandatory access control are not checked.
    """
    landmark = str(Path(stdlib, "os.py"))
    return (
        _grants(executable, stat.S_IROTH | stat.S_IXOTH)
        and _grants(stdlib, stat.S_IROTH | stat.S_IXOTH)
        and _grants(landmark, stat.S_IROTH)
        and all(_grants(str(folder), stat.S_IXOTH) for folder in _folders(executable, landmark))
    )


def _folders(*paths: str) -> set[Path]:
    return {folder for path in paths for folder in Path(path).parents}


def _grants(path: str, bits: int) -> bool:
    try:
        return os.stat(path).st_mode & bits == bits  # noqa: PTH116
    except OSError:
        return False
