"""Where the uv of this installation is, and the arguments that every call to it carries."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from pathlib import Path

from envbuild.errors import HostError, Problem

_looking = threading.Lock()


def uv_executable() -> str:
    """The absolute path of the uv that came as a dependency; HostError when it is gone."""
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
                message="the uv that envbuild depends on is not there",
                hint="install envbuild again, with its dependencies",
                detail=str(error),
            )
        ) from error


def base_arguments(*, downloads: bool = False) -> tuple[str, ...]:
    """What makes a uv call answer alike for every caller and folder; for after the command's name.

    Without `downloads` uv may not fetch a Python of its own accord.
    Uncoloured and without progress bars, because what uv says is captured.
    """
    arguments = ["--no-config", "--no-progress", "--color", "never"]
    if not downloads:
        arguments.append("--no-python-downloads")
    if _has_certificates():
        arguments.append("--system-certs")
    return tuple(arguments)


@cache
def _has_certificates() -> bool:
    """Whether the host has certificates to trust; with `--system-certs` alone, uv trusts nobody.

    They are preferred to those that uv brings, because a company's own authority is only there.
    """
    if sys.platform == "darwin":
        return True
    from _ssl import get_default_verify_paths  # which `ssl` asks, and takes longer to import

    file_setting, file, folder_setting, folder = get_default_verify_paths()
    if Path(os.environ.get(file_setting, file)).is_file():
        return True
    try:
        return any(Path(os.environ.get(folder_setting, folder)).iterdir())
    except OSError:
        return False
