"""Find the processes that run from a store's environments, through the kernel; needs no lock."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path

from envbuild.environment.lease import LEASE_FILE, Process
from envbuild.posix.process_table import (
    arguments_of,
    describe,
    executable_of,
    held_locks,
    is_on,
    pids,
    read_process_file,
)
from envbuild.posix.shortage import pass_shortage_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITE_LOCK = fcntl.F_WRLCK.to_bytes(2, sys.byteorder) + bytes(30)
"""A `struct flock` for a write lock of a whole file; long enough for every system."""


def find_processes(environments: Path) -> tuple[Process, ...]:
    """Every running process of an environment (or of a managed Python) below the folder, by pid.

    A process counts if it holds the lease, if its program or its first argument is in the environment,
    or if it has any file of the environment mapped.
    This also finds processes that were started with `-S`, are not Python, have another name, or closed every file.
    Only root can see the mapped files of other users' processes (`count_hidden`).
    Empty without `/proc`.
    OSError if the host is short of something, because processes could be missed.
    """
    leases = dict(_lease_holders(environments))
    roots = tuple({f"{environments}/", f"{os.path.realpath(environments)}/"})
    found = {}
    for pid in pids():
        name = leases.get(pid) or _environment_of(pid, roots)
        process = _process(pid, name, lease=pid in leases) if name else None
        if process is not None:
            found[pid] = process
    return tuple(found[pid] for pid in sorted(found))


def count_hidden() -> int:
    """How many processes have a program and memory that this user cannot see."""
    return sum(executable_of(pid) == "" for pid in pids())


def is_leased(environment: Path) -> bool:
    """Whether any process holds the environment's lease, even one that this user cannot see.

    Nothing is locked, and a user who can only read the lease cannot change the answer.
    """
    try:
        descriptor = os.open(environment / LEASE_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        pass_shortage_on(error)
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WRITE_LOCK)
    except OSError:  # a file system without locks: processes are found only by their files
        return False
    finally:
        os.close(descriptor)
    return int.from_bytes(answer[:2], sys.byteorder) != fcntl.F_UNLCK


def _lease_holders(environments: Path) -> Iterator[tuple[int, str]]:
    """The pid and the environment's name of every lease."""
    locks = held_locks()
    if not locks or not environments.is_dir():
        return
    for folder in os.scandir(environments):
        try:
            status = os.stat(f"{folder.path}/{LEASE_FILE}")  # noqa: PTH116
        except OSError:
            continue
        for lock in locks:
            if lock.inode == status.st_ino and is_on(
                lock, status.st_dev, Path(folder.path, LEASE_FILE)
            ):
                yield lock.pid, folder.name


def _environment_of(pid: int, roots: tuple[str, ...]) -> str | None:
    """The environment whose program a process runs, or whose files it has mapped.

    The link is read first: reading arguments from the process's memory takes far longer.
    """
    executable = executable_of(pid)
    if executable is None:
        return None
    for path in (executable, arguments_of(pid)[0]):
        for root in roots:
            if path.startswith(root):
                return path[len(root) :].partition("/")[0]
    return _mapped_environment(pid, roots)


def _mapped_environment(pid: int, roots: tuple[str, ...]) -> str | None:
    """The environment of the first mapped file that belongs to one."""
    maps = read_process_file(pid, "maps")
    for root in map(os.fsencode, roots):
        if root in maps:
            found = re.search(re.escape(root) + rb"([^/\n]+)", maps)
            return os.fsdecode(found[1]) if found else None
    return None


def _process(pid: int, environment: str, *, lease: bool) -> Process | None:
    running = describe(pid)
    if running is None:
        return None
    return Process(
        pid=pid,
        user=running.user,
        since=running.since,
        environment=environment,
        lease=lease,
        command=running.command,
    )
