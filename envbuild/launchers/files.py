"""What exports need of the disk: whether paths exist, who can reach them, and files to write."""

from __future__ import annotations

import os
import stat
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem, UsageError
from envbuild.launchers.fleet import BuiltDriver
from envbuild.posix.files import make_folders, write_atomically
from envbuild.posix.input_file import MOST_OTHER, RefusedInputError, read_input
from envbuild.posix.shortage import not_written
from envbuild.requirement.parse import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.driver import Driver
    from envbuild.launchers.fleet import ExportedFile
    from envbuild.store.manifest import ManifestDriver

_LONGEST_LICENCE = 80
"""In characters; a longer text is the licence itself, not its name."""

_LONGEST_LINE = 4096
_NO_LICENCE = ("", "unknown", "none")


def read_subject(entry: ManifestDriver, declared: Driver | None) -> BuiltDriver:
    """A driver of the manifest with its paths on the disk.

    HostError names every missing path: launchers would silently use another one.
    """
    missing = [path for path in _programs(entry) if not os.access(path, os.X_OK)]
    if missing:
        hint = f"run `envbuild sync {entry.name}`"
        raise HostError(
            Problem(message=f"{entry.name}: {path} does not exist, or cannot be run", hint=hint)
            for path in missing
        )
    base = os.path.realpath(entry.python)
    folder = Path(entry.environment, "bin")
    bin_commands = sorted(path.name for path in folder.iterdir() if os.access(path, os.X_OK))
    return BuiltDriver(
        entry=entry,
        declared=declared,
        base_python=base,
        bin_commands=tuple(bin_commands),
        shared=_reachable(Path(entry.environment)) and _reachable(Path(base).parent),
    )


def read_licences(environment: Path) -> dict[str, str]:
    """Each package's licence from its METADATA: an SPDX expression, else a name; by normalised name."""
    found = {}
    for file in sorted(environment.glob("lib/python3.*/site-packages/*.dist-info/METADATA")):
        try:
            content = read_input(file, most=MOST_OTHER)
        except (OSError, RefusedInputError):
            continue
        headers = HeaderParser().parsestr(content.decode(errors="replace"))
        name = normalized_name(headers.get("Name", ""))
        licence = _licence(
            headers.get("License-Expression"),
            headers.get_all("Classifier", []),
            headers.get("License"),
        )
        if name and licence is not None:
            found[name] = licence
    return found


def native_file(environment: str, binary: str) -> str | None:
    """A file that the driver could not start, or map, on a file system that is mounted `noexec`; None without one."""
    if not _is_python_script(Path(binary)):
        return binary
    for folder, _, names in os.walk(Path(environment, "lib")):
        for name in names:
            if name.endswith(".so") or ".so." in name:
                return f"{folder}/{name}"
    return None


def _is_python_script(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
    return first.startswith(b"#!") and b"python" in first


def write_files(folder: Path, files: Iterable[ExportedFile]) -> tuple[str, ...]:
    """Write every file below the folder atomically, with its mode; returns their paths."""
    written = []
    for file in files:
        path = folder / file.name
        try:
            make_folders(path.parent)
            shared = file.mode & 0o077 != 0  # a private file stays private
            write_atomically(path, file.text.encode(), mode=file.mode, keep_mode=shared)
        except OSError as error:
            raise not_written(path, error) from error
        written.append(str(path))
    return tuple(written)


def read_text(path: Path) -> str:
    """A file's text; UsageError if it cannot be read."""
    try:
        return read_input(path, most=MOST_OTHER).decode("utf-8")
    except RefusedInputError as error:
        problem = Problem(file=str(path), message=error.message, hint=error.hint)
        raise UsageError(problem) from None
    except OSError as error:
        message = f"cannot read it: {error.strerror}"
        raise UsageError(Problem(file=str(path), message=message)) from error
    except UnicodeDecodeError as error:
        raise UsageError(Problem(file=str(path), message="it is not UTF-8")) from error


def read_mode(path: Path) -> int:
    """A file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def _programs(entry: ManifestDriver) -> tuple[str, ...]:
    return (entry.environment, entry.binary, entry.python, entry.stable_binary)


def _reachable(folder: Path) -> bool:
    """Whether other users get to the folder."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def _licence(expression: str | None, classifiers: list[str], free: str | None) -> str | None:
    named = [
        line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: OSI")
    ]
    for text in (expression, free, " / ".join(named)):
        if text is None or text.strip().lower() in _NO_LICENCE:
            continue
        if "\n" not in text.strip() and len(text.strip()) <= _LONGEST_LICENCE:
            return text.strip()
    return None
