"""What a program is started with so that it reaches no network and leaves no process behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.posix.process import Command, find_program

if TYPE_CHECKING:
    from envbuild.posix.process import Runner

_PROCESSES = ("--pid", "--fork", "--kill-child=KILL")
"""A process namespace: whatever a program leaves behind ends with it."""

_RIGHTS = ((), ("--user", "--map-root-user"))
"""For root, and for others where the host has user namespaces."""

_TRIAL = 30
"""Seconds that a first try of `unshare` may take."""


def find_fence(
    runner: Runner, *, network: bool = False, mounts: bool = False
) -> tuple[str, ...] | None:
    """The start of a command line; None if this host does not allow it.

    With `network`, only processes are fenced in; with `mounts`, the program may mount for itself alone.
    """
    unshare = find_program("unshare", os.defpath)
    if unshare is None:
        return None
    kinds = (*(() if network else ("--net",)), *(("--mount",) if mounts else ()), *_PROCESSES)
    for rights in _RIGHTS:
        fence = (unshare, *rights, *kinds)
        trial = Command(argv=(*fence, "true"), env=(), cwd="/", timeout=_TRIAL)
        if runner.run(trial).code == 0:
            return fence
    return None
