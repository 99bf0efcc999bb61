"""Pythons that uv installs into the store: complete and readable for every user, or absent."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from envbuild.posix.file_locks import locked
from envbuild.posix.files import sync_file_system, write_atomically
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.posix.shortage import unwritable
from envbuild.posix.tree import walk_folders
from envbuild.python.probe import executables_of
from envbuild.store.pythons import LOCK, NAME, WHOLE
from envbuild.uv.executable import base_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner
    from envbuild.python.downloads import Downloads


def installed_pythons(pythons: Path) -> list[str]:
    """The executables of the complete managed Pythons, ordered by path."""
    whole = (folder for folder in _folders(pythons, "") if (folder / WHOLE).exists())
    return [path for folder in whole for path in executables_of(folder)]


def install_python(
    request: str,
    *,
    into: Path,
    uv: str,
    runner: Runner,
    environment: Mapping[str, str],
    downloads: Downloads,
) -> str | None:
    """Let uv install a Python for the request; None, or the reason why it could not.

    The folder `into` is made if it is missing, and locked meanwhile.
    Leftovers of an interrupted installation are deleted first: uv would take them for complete.
    """
    try:
        into.mkdir(mode=0o755, parents=True, exist_ok=True)
        into.chmod(0o755)
        with locked(into / LOCK) as lock:
            if any((folder / WHOLE).exists() for folder in _folders(into, request)):
                return None
            (into / ".lock").unlink(
                missing_ok=True
            )  # uv's: a killed one leaves it, for anybody to hold
            for remains in (into / ".temp", *_folders(into, request)):
                shutil.rmtree(remains, ignore_errors=True)
            completed = runner.run(_command(request, into, uv, environment, downloads, lock))
            (into / ".lock").unlink(missing_ok=True)  # uv leaves it writable for everybody
            if completed.code != 0:
                return completed.stderr.strip() or f"uv ended with exit code {completed.code}"
            _finish(into, _folders(into, request))
    except OSError as error:
        return str(error)
    return None


def put_python(name: str, unpack: Callable[[Path], None], into: Path) -> None:
    """Put a Python that comes from elsewhere into `into`, under uv's name for its folder, unless it is there whole.

    `unpack` makes the folder that it gets. HostError if the disk fails.
    """
    try:
        into.mkdir(mode=0o755, parents=True, exist_ok=True)
        into.chmod(0o755)
        with locked(into / LOCK):
            folder = into / name
            if (folder / WHOLE).exists():
                return
            shutil.rmtree(folder, ignore_errors=True)
            unpack(folder)
            _finish(into, [folder])
    except OSError as error:
        raise unwritable(into, error) from error


def _command(
    request: str,
    into: Path,
    uv: str,
    environment: Mapping[str, str],
    downloads: Downloads,
    lock: int,
) -> Command:
    """Bytecode of the standard library is compiled too, because no service user can write it later.

    The program holds the lock too, because it goes on if envbuild is killed.
    """
    argv = (
        *(uv, "python", "install", request, "--install-dir", str(into)),
        *("--no-bin", "--compile-bytecode", "--no-cache", *base_arguments(downloads=True)),
        *downloads.arguments,
    )
    env = scrubbed_environment(environment, PYC_INVALIDATION_MODE="TIMESTAMP")
    return Command(argv=argv, env=env, cwd="/", keep_open=(lock,))


def _finish(into: Path, folders: list[Path]) -> None:
    """Make new files readable for every user, sync them to the disk, and only then mark them as complete."""
    for folder in folders:
        _open_to_all(folder)
    sync_file_system(into)
    for folder in folders:
        write_atomically(folder / WHOLE, b"")


def _open_to_all(folder: Path) -> None:
    """Readable for everybody and writable for the owner only, regardless of the umask."""
    for visit in walk_folders([os.fsencode(folder)], mode=0o755):
        for place in visit.places():
            mode = os.lstat(place).st_mode
            if stat.S_ISREG(mode):
                os.chmod(place, 0o755 if mode & stat.S_IXUSR else 0o644)  # noqa: PTH101


def _folders(pythons: Path, request: str) -> list[Path]:
    """The folders of Pythons for the request (all if it is empty), without uv's links."""
    if not pythons.is_dir():
        return []
    found = ((path, NAME.fullmatch(path.name)) for path in sorted(pythons.iterdir()))
    return [
        path
        for path, match in found
        if match and f"{match[1]}.".startswith(request and f"{request}.") and not path.is_symlink()
    ]
