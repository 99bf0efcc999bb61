"""Ask the host what it is: processor, system library, accelerators, disk."""

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
    """Processor, C library and accelerators of this host; absence is an answer, never an error.

    Only `kinds` of accelerators are asked for (None: all); for the others nothing is started.
    Of the environment only `PATH` and the dynamic loader's variables count.
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

    Falls back to what the kernel calls itself, and `(0, 0)`, which no platform matches.
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
    """The version of the glibc that this process runs on, or None where it is another library."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return None
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", text)
    return (int(match[1]), int(match[2])) if match else None


def disk_free(path: Path) -> int:
    """The bytes that are free for this user where the path is, or would be made."""
    path = path.absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free
