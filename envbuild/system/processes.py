"""Ask the kernel which processes run out of a store's environments; no lock is taken to find out."""

from __future__ import annotations

import os
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


def find_processes(environments: Path) -> tuple[Process, ...]:
    """Every running process of an environment (or of a managed Python) below the folder, by pid.

    A process counts by the lease that it holds,
    or by its program: its first argument or its executable lies in the environment.
    So nothing is missed that was started with `-S`, is no Python, or has closed every file.
    Another user's executable can be seen by root alone; empty where there is no `/proc`.
    OSError where the host is short of something, as then processes would be missed.
    """
    leases = dict(_lease_holders(environments))
    roots = tuple({f"{environments}/", f"{os.path.realpath(environments)}/"})
    found = {}
    for pid in _pids():
        name = leases.get(pid) or _program_environment(pid, roots)
        process = _describe(pid, name) if name else None
        if process is not None:
            found[pid] = replace(process, lease=pid in leases)
    return tuple(found[pid] for pid in sorted(found))


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(name) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208


def _lease_holders(environments: Path) -> Iterator[tuple[int, str]]:
    """The pid and the environment's name of every lease."""
    try:
        locks = tuple(parse_locks((_PROC / "locks").read_text(encoding="ascii")))
    except OSError as error:
        pass_shortage_on(error)
        return
    if not locks or not environments.is_dir():
        return
    for folder in os.scandir(environments):
        try:
            status = os.stat(f"{folder.path}/{LEASE_FILE}")  # noqa: PTH116
        except OSError:
            continue
        for lock in locks:
            if lock.inode == status.st_ino and _is_on(lock, status.st_dev, folder.path):
                yield lock.pid, folder.name


def _is_on(lock: HeldLock, device: int, folder: str) -> bool:
    """Whether the lock is on this device: by its number, else by the files that the process has open.

    On btrfs and overlays the kernel's table and stat(2) count devices apart.
    """
    if lock.device == (os.major(device), os.minor(device)):
        return True
    lease = os.path.realpath(f"{folder}/{LEASE_FILE}")
    return any(target == lease for target in _open_files(lock.pid))


def _open_files(pid: int) -> Iterator[str]:
    folder = _PROC / str(pid) / "fd"
    try:
        for name in os.listdir(folder):  # noqa: PTH208
            yield os.readlink(folder / name)  # noqa: PTH115
    except OSError as error:
        pass_shortage_on(error)


def _program_environment(pid: int, roots: tuple[str, ...]) -> str | None:
    """The environment in which a process's first argument or its executable lies.

    Arguments are read out of the process's own memory, which takes far longer than the link does.
    """
    executable = _executable(pid)
    if executable is None:
        return None
    for path in (_arguments(pid)[0], executable):
        for root in roots:
            if path.startswith(root):
                return path[len(root) :].partition("/")[0]
    return None


def _arguments(pid: int) -> list[str]:
    try:
        with open(f"{_PROC}/{pid}/cmdline", "rb", buffering=0) as stream:  # noqa: PTH123
            content = stream.read()
    except OSError as error:
        pass_shortage_on(error)
        content = b""
    return os.fsdecode(content.rstrip(b"\0")).split("\0")


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
