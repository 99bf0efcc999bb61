"""The uv of this installation, and the arguments of every call."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from pathlib import Path

from envbuild.errors import HostError, Problem

_looking = threading.Lock()


def uv_executable() -> str:
    """The absolute path of the uv that was installed as a dependency; HostError if it is missing."""
    with _looking:  # the uv package asks sysconfig, which fails when two threads ask it first
        return _find_uv()


@cache
def _find_uv() -> str:
    try:
        from uv import find_uv_bin

        return str(Path(find_uv_bin()).absolute())
    except (ImportError, FileNotFoundError) as error:
        raise HostError(
            Problem(
                message="the uv that envbuild depends on is missing",
                hint="install envbuild again, with its dependencies",
                detail=str(error),
            )
        ) from error


def base_arguments(*, downloads: bool = False, secure: bool = True) -> tuple[str, ...]:
    """Arguments that make a uv call independent of the user and the folder; they follow the command's name.

    Without `downloads` uv must not download a Python; without `secure` it uses no server over https.
    No colours and no progress bars, because uv's output is captured.
    """
    arguments = ["--no-config", "--no-progress", "--color", "never"]
    if not downloads:
        arguments.append("--no-python-downloads")
    if secure and _has_certificates():
        arguments.append("--system-certs")
    return tuple(arguments)


@cache
def _has_certificates() -> bool:
    """Whether the host has trusted certificates; with `--system-certs` and none, uv would trust no server.

    They are preferred to uv's own, because a company's certificate authority is only there.
    """
    if sys.platform == "darwin":
        return True
    from _ssl import get_default_verify_paths  # which `ssl` asks, and takes longer to import

    file_setting, file, folder_setting, folder = get_default_verify_paths()
    if Path(os.environ.get(file_setting) or file).is_file():
        return True
    try:
        return any(Path(os.environ.get(folder_setting) or folder).iterdir())
    except OSError:
        return False
