"""Running processes and the locks that they hold, as `/proc` lists them; no lock is taken to find out."""

from __future__ import annotations

import os
from pathlib import Path

from envbuild.posix.clock import utc
from envbuild.posix.shortage import pass_shortage_on
from envbuild.text import escaped
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_START_TIME = 19
"""The field of `/proc/PID/stat` with the start time, counted from 0 after the command's name."""

_LONGEST = 200
"""A longer command is cut, in characters."""


@value
class HeldLock:
    """One line of `/proc/locks`."""

    pid: int
    """The process that took it; children that it forked later hold it too and are not listed."""

    device: tuple[int, int]
    """Major and minor number of the file system, as the kernel has them."""

    inode: int


@value
class RunningProcess:
    """A running process, as the kernel describes it."""

    pid: int
    user: str
    """The name, or the number if it has no name."""

    since: str
    """When it started: UTC, `2026-11-20T10:00:00Z`."""

    command: str
    """Its arguments, joined by blanks."""


def parse_locks(text: str) -> Iterator[HeldLock]:
    """The flocks that are held, from the text of `/proc/locks`; waiting processes are left out.

    A line reads `1: FLOCK  ADVISORY  READ  4711 08:01:131186 0 EOF` (proc(5)).
    """
    for line in text.splitlines():
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK":
            continue
        major, minor, inode = words[5].split(":")
        device = (int(major, 16), int(minor, 16))
        yield HeldLock(pid=int(words[4]), device=device, inode=int(inode))


def lock_holders(path: Path) -> tuple[str, ...]:
    """The holders of a file's lock (flock), each as printable text; empty if the kernel does not say.

    If the process that took it has ended and a child of it still holds it, the child is named.
    """
    holders = {lock.pid for lock in _locks_of(path)}
    if not any((_PROC / str(pid)).is_dir() for pid in holders):
        place = os.path.realpath(path)
        holders = {pid for pid in pids() if pid != os.getpid() and place in open_files(pid)}
    found = (describe(pid) for pid in sorted(holders))
    return tuple(
        f"pid {process.pid} of user {process.user} ({_shown(process.command)})"
        for process in found
        if process is not None
    )


def holds_lock(path: Path) -> bool:
    """Whether this process holds a file's lock (flock), in another thread; False if the kernel does not say."""
    return {lock.pid for lock in _locks_of(path)} == {os.getpid()}


def describe(pid: int) -> RunningProcess | None:
    """A process by its pid; None if it has ended."""
    folder = _PROC / str(pid)
    try:
        owner = folder.stat().st_uid
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError as error:
        pass_shortage_on(error)
        return None
    return RunningProcess(
        pid=pid,
        user=user_name(owner),
        since=_start_time(int(fields[_START_TIME])),
        command=" ".join(arguments_of(pid)),
    )


def _shown(command: str) -> str:
    """The start of a command, without what a terminal would obey."""
    return escaped(command[:_LONGEST]) + (" …" if len(command) > _LONGEST else "")


def pids() -> Iterator[int]:
    """The pid of every process; empty without `/proc`."""
    if _PROC.is_dir():
        yield from (int(name) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208


def held_locks() -> tuple[HeldLock, ...]:
    """The flocks that are held on this host."""
    try:
        return tuple(parse_locks((_PROC / "locks").read_text(encoding="ascii")))
    except OSError as error:
        pass_shortage_on(error)
        return ()


def _locks_of(path: Path) -> Iterator[HeldLock]:
    locks = held_locks()
    try:
        status = path.stat()
    except OSError:
        return
    for lock in locks:
        if lock.inode == status.st_ino and is_on(lock, status.st_dev, path):
            yield lock


def is_on(lock: HeldLock, device: int, file: Path) -> bool:
    """Whether the lock is on this device: by its number, else by the files that the process has open.

    On btrfs and overlayfs `/proc/locks` and stat(2) number devices differently.
    """
    if lock.device == (os.major(device), os.minor(device)):
        return True
    return os.path.realpath(file) in open_files(lock.pid)


def open_files(pid: int) -> Iterator[str]:
    """The paths of the files that a process has open, as the kernel names them."""
    folder = _PROC / str(pid) / "fd"
    try:
        for name in os.listdir(folder):  # noqa: PTH208
            yield os.readlink(folder / name)  # noqa: PTH115
    except OSError as error:
        pass_shortage_on(error)


def arguments_of(pid: int) -> list[str]:
    """A process's arguments; one empty argument if this user may not read them."""
    return os.fsdecode(read_process_file(pid, "cmdline").rstrip(b"\0")).split("\0")


def read_process_file(pid: int, name: str) -> bytes:
    """A file of `/proc/PID`; empty if this user may not read it."""
    try:
        with open(f"{_PROC}/{pid}/{name}", "rb", buffering=0) as stream:  # noqa: PTH123
            return stream.read()
    except OSError as error:
        pass_shortage_on(error)
        return b""


def executable_of(pid: int) -> str | None:
    """The executable's path; empty if this user may not see it, None for kernel threads and ended processes."""
    try:
        return os.readlink(f"{_PROC}/{pid}/exe")  # noqa: PTH115
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def user_name(uid: int) -> str:
    """The name of a user; the number if the host knows no name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _start_time(ticks: int) -> str:
    """The time in UTC so many clock ticks after the host was booted."""
    lines = (_PROC / "stat").read_text(encoding="ascii").splitlines()
    boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    seconds = boot + ticks / os.sysconf("SC_CLK_TCK")
    return utc(seconds)
