"""Probe the host: processor, system library, accelerators, free disk space."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.posix.input_file import RefusedInputError, read_named
from envbuild.target import host_facts
from envbuild.target.accelerator import FoundAccelerator, all_kinds
from envbuild.target.target import Host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.posix.process import Runner

_MOST_FACTS = 1 << 20
"""Bytes of a file that says what a host has."""

_PLATFORM_TAG = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_\w+")


def probe_host(
    runner: Runner, environment: Mapping[str, str], *, kinds: Iterable[str] | None = None
) -> Host:
    """Processor, C library and accelerators of this host; missing ones are not an error.

    Only these `kinds` of accelerators are probed (None: all).
    If `$ENVBUILD_HOST_FACTS` names a file, the file lists the accelerators, and none is probed;
    UsageError if the file cannot be read.
    Apart from that only `PATH` and the dynamic loader's variables are read from the environment.
    """
    system, version = probe_system()
    return Host(
        arch=os.uname().machine,
        system=system,
        system_version=version,
        accelerators=_stated(environment) or _probe_kinds(runner, environment, kinds),
        kernel=(os.uname().release, os.uname().version),
    )


def _probe_kinds(
    runner: Runner, environment: Mapping[str, str], kinds: Iterable[str] | None
) -> tuple[FoundAccelerator, ...]:
    wanted = None if kinds is None else frozenset(kinds)
    return tuple(
        kind.probe(runner, environment, Path("/"))
        if wanted is None or kind.name in wanted
        else FoundAccelerator(kind=kind.name, absent="it was not probed")
        for kind in all_kinds()
    )


def _stated(environment: Mapping[str, str]) -> tuple[FoundAccelerator, ...]:
    """What the file in `$ENVBUILD_HOST_FACTS` says; nothing where it names none."""
    file = environment.get(host_facts.VARIABLE)
    if not file:
        return ()
    try:
        text = read_named(Path(file), most=_MOST_FACTS).decode()
        return host_facts.parse_host_facts(text)
    except (OSError, RefusedInputError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(
            file=file,
            key=f"${host_facts.VARIABLE}",
            message=f"the facts of this host cannot be read: {words}",
            hint='write it like cuda = "12.4", or unset the variable',
        )
        raise UsageError(problem) from error


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
