"""Ask the kernel which processes run out of a store's environments; no lock is taken to find out."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path

from envbuild.lease import LEASE_FILE, Process, parse_locks
from envbuild.system.clock import utc
from envbuild.system.shortage import pass_shortage_on
from envbuild.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lease import HeldLock

_PROC = Path("/proc")
_START_TIME = 19
"""The field of `/proc/PID/stat` with the start time, counted from 0 after the command's name."""

_LONGEST = 200
"""Characters of a command that a sentence has room for."""

_WRITE_LOCK = fcntl.F_WRLCK.to_bytes(2, sys.byteorder) + bytes(30)
"""A `struct flock` that asks about a write lock of a whole file; longer than any system's."""


def find_processes(environments: Path) -> tuple[Process, ...]:
    """Every running process of an environment (or of a managed Python) below the folder, by pid.

    A process counts by the lease that it holds, by its program or the first of its arguments,
    or by any file of the environment that it has in its memory.
    So nothing is missed that was started with `-S`, is no Python, calls itself otherwise,
    or has closed every file.
    What another user's process has in its memory can be seen by root alone (`count_hidden`);
    empty where there is no `/proc`.
    OSError where the host is short of something, as then processes would be missed.
    """
    leases = dict(_lease_holders(environments))
    roots = tuple({f"{environments}/", f"{os.path.realpath(environments)}/"})
    found = {}
    for pid in _pids():
        name = leases.get(pid) or _environment_of(pid, roots)
        process = _describe(pid, name) if name else None
        if process is not None:
            found[pid] = replace(process, lease=pid in leases)
    return tuple(found[pid] for pid in sorted(found))


def count_hidden() -> int:
    """How many processes there are whose program and memory this user may not see."""
    return sum(_executable(pid) == "" for pid in _pids())


def is_leased(environment: Path) -> bool:
    """Whether any process holds the environment's lease, whoever it is and whatever it shows of itself.

    Nothing is locked, and nobody who may only read the lease can make this say no.
    """
    try:
        descriptor = os.open(environment / LEASE_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        pass_shortage_on(error)
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WRITE_LOCK)
    except OSError:  # a file system without locks: what runs is known by its files alone
        return False
    finally:
        os.close(descriptor)
    return int.from_bytes(answer[:2], sys.byteorder) != fcntl.F_UNLCK


def lock_holders(path: Path) -> tuple[str, ...]:
    """Who holds a file's lock (flock), each in words that are fit to print; empty where nobody can tell.

    The process that took it may have ended, and one that it started holds it on: then that is named.
    """
    pids = {lock.pid for lock in _locks_of(path)}
    if not any((_PROC / str(pid)).is_dir() for pid in pids):
        place = os.path.realpath(path)
        pids = {pid for pid in _pids() if pid != os.getpid() and place in _open_files(pid)}
    found = (_describe(pid, "") for pid in sorted(pids))
    return tuple(
        f"{process} ({printable(process.command)})" for process in found if process is not None
    )


def printable(text: str) -> str:
    """What a process says of itself, with nothing in it that a terminal would obey."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[:_LONGEST]
    )
    return f"{shown} …" if len(text) > _LONGEST else shown


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(name) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208


def _held_locks() -> tuple[HeldLock, ...]:
    try:
        return tuple(parse_locks((_PROC / "locks").read_text(encoding="ascii")))
    except OSError as error:
        pass_shortage_on(error)
        return ()


def _locks_of(path: Path) -> Iterator[HeldLock]:
    locks = _held_locks()
    try:
        status = path.stat()
    except OSError:
        return
    for lock in locks:
        if lock.inode == status.st_ino and _is_on(lock, status.st_dev, path):
            yield lock


def _lease_holders(environments: Path) -> Iterator[tuple[int, str]]:
    """The pid and the environment's name of every lease."""
    locks = _held_locks()
    if not locks or not environments.is_dir():
        return
    for folder in os.scandir(environments):
        try:
            status = os.stat(f"{folder.path}/{LEASE_FILE}")  # noqa: PTH116
        except OSError:
            continue
        for lock in locks:
            if lock.inode == status.st_ino and _is_on(
                lock, status.st_dev, Path(folder.path, LEASE_FILE)
            ):
                yield lock.pid, folder.name


def _is_on(lock: HeldLock, device: int, file: Path) -> bool:
    """Whether the lock is on this device: by its number, else by the files that the process has open.

    On btrfs and overlays the kernel's table and stat(2) count devices apart.
    """
    if lock.device == (os.major(device), os.minor(device)):
        return True
    return os.path.realpath(file) in _open_files(lock.pid)


def _open_files(pid: int) -> Iterator[str]:
    folder = _PROC / str(pid) / "fd"
    try:
        for name in os.listdir(folder):  # noqa: PTH208
            yield os.readlink(folder / name)  # noqa: PTH115
    except OSError as error:
        pass_shortage_on(error)


def _environment_of(pid: int, roots: tuple[str, ...]) -> str | None:
    """The environment that a process runs a program of, or has a file of in its memory.

    The link is asked first: arguments are read out of the process's own memory, which takes far longer.
    """
    executable = _executable(pid)
    if executable is None:
        return None
    for path in (executable, _arguments(pid)[0]):
        for root in roots:
            if path.startswith(root):
                return path[len(root) :].partition("/")[0]
    return _mapped_environment(pid, roots)


def _mapped_environment(pid: int, roots: tuple[str, ...]) -> str | None:
    """The environment of the first file that a process has in its memory, of those that have one."""
    maps = _read(pid, "maps")
    for root in map(os.fsencode, roots):
        if root in maps:
            found = re.search(re.escape(root) + rb"([^/\n]+)", maps)
            return os.fsdecode(found[1]) if found else None
    return None


def _arguments(pid: int) -> list[str]:
    return os.fsdecode(_read(pid, "cmdline").rstrip(b"\0")).split("\0")


def _read(pid: int, name: str) -> bytes:
    """What the kernel says of a process; empty where this user may not know it."""
    try:
        with open(f"{_PROC}/{pid}/{name}", "rb", buffering=0) as stream:  # noqa: PTH123
            return stream.read()
    except OSError as error:
        pass_shortage_on(error)
        return b""


def _executable(pid: int) -> str | None:
    """Its path; empty where this user may not see it, None for a thread of the kernel and for what has ended."""
    try:
        return os.readlink(f"{_PROC}/{pid}/exe")  # noqa: PTH115
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _describe(pid: int, environment: str) -> Process | None:
    """What there is to say about a process; None where it has ended meanwhile."""
    folder = _PROC / str(pid)
    try:
        owner = folder.stat().st_uid
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError as error:
        pass_shortage_on(error)
        return None
    return Process(
        pid=pid,
        user=_user_name(owner),
        since=_start_time(int(fields[_START_TIME])),
        environment=environment,
        lease=False,
        command=" ".join(_arguments(pid)),
    )


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _start_time(ticks: int) -> str:
    """The time in UTC that lies so many clock ticks after the host was booted."""
    lines = (_PROC / "stat").read_text(encoding="ascii").splitlines()
    boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    seconds = boot + ticks / os.sysconf("SC_CLK_TCK")
    return utc(seconds)
