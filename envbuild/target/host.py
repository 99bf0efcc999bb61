"""Probe the host: processor, system library, accelerators, free disk space."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from envbuild.target.accelerator import FoundAccelerator, all_kinds
from envbuild.target.target import Host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner

_PLATFORM_TAG = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_\w+")


def probe_host(
    runner: Runner, environment: Mapping[str, str], *, kinds: Iterable[str] | None = None
) -> Host:
    """Processor, C library and accelerators of this host; something that is missing is no error.

    Only these `kinds` of accelerators are probed (None: all).
    Only `PATH` and the dynamic loader's variables are read from the environment.
    """
    system, version = probe_system()
    wanted = None if kinds is None else frozenset(kinds)
    return Host(
        arch=os.uname().machine,
        system=system,
        system_version=version,
        accelerators=tuple(
            kind.probe(runner, environment)
            if wanted is None or kind.name in wanted
            else FoundAccelerator(kind=kind.name, version=None, absent="it was not asked for")
            for kind in all_kinds()
        ),
        kernel=(os.uname().release, os.uname().version),
    )


def probe_system() -> tuple[str, tuple[int, int]]:
    """The system as platforms name it, and its version: `("manylinux", (2, 36))` on glibc 2.36.

    An unknown system gets the kernel's name and `(0, 0)`, which matches no platform.
    """
    glibc = glibc_version()
    if glibc is not None:
        return "manylinux", glibc
    from packaging.tags import platform_tags

    for tag in platform_tags():
        match = _PLATFORM_TAG.fullmatch(tag)
        if match is not None:
            return match[1], (int(match[2]), int(match[3]))
    return os.uname().sysname.lower(), (0, 0)


def glibc_version() -> tuple[int, int] | None:
    """The version of this process's glibc, or None with another C library."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return None
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", text)
    return (int(match[1]), int(match[2])) if match else None


def disk_free(path: Path) -> int:
    """The free bytes for this user on the path's file system; the path need not exist yet."""
    path = path.absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free
