"""The limits of a stranger's program: what the kernel enforces for each process, and what is watched for all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.posix.process_table import pids, read_process_file
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.posix.process import Completed

_SPARE = 256 << 20
"""Bytes that stay free on the disk."""

_PROCESSES = 4096
_MOST_OUTPUT = 1 << 20
"""Bytes of output that a log keeps."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _RESIDENT, _SHARED = 1, 1, 2
"""Fields of `/proc/PID/stat` after the command's name, and of `/proc/PID/statm`, counted from 0."""


@value
class Limits:
    """The limits of one program, with all that it starts."""

    seconds: int
    memory: int
    """Bytes, for each process and for all together."""

    disk: int
    """Bytes, for all files in its folder together."""

    processes: int = _PROCESSES
    output: int = _MOST_OUTPUT

    def of_each_process(self) -> dict[str, int]:
        """The limits that the kernel enforces, by their names in `resource`."""
        return {
            "RLIMIT_DATA": self.memory,
            "RLIMIT_FSIZE": self.disk,
            "RLIMIT_NPROC": 2 * self.processes,  # of all processes of the user
            "RLIMIT_CORE": 0,
        }

    def failure(self, done: Completed) -> str | None:
        """Why a program with these limits has failed; None if it succeeded."""
        if done.stopped is not None:
            return f"{done.stopped} and was ended"
        if done.timed_out:
            return f"it was still running after {self.seconds} s and was ended"
        if done.code < 0:
            return f"signal {-done.code} ended it"
        return f"it ended with {done.code}" if done.code else None


def usual_memory() -> int:
    """Three quarters of the host's memory, in bytes."""
    return _PAGE * os.sysconf("SC_PHYS_PAGES") // 4 * 3


@value
class Watch:
    """Says whether a program has used more than it may."""

    folder: Path
    """All of its own files."""

    limits: Limits
    others: tuple[Path, ...] = ()
    """Further places where it writes: only that their disks are not full is looked at."""

    spare: int = _SPARE
    """Bytes that stay free on the disks."""

    def look(self, pid: int) -> str | None:
        """Why it must end; None if it may go on. `pid` is the process from which all others come."""
        if any(_free(place) < self.spare for place in (self.folder, *self.others)):
            return "the disk is full"
        if _size(self.folder) > self.limits.disk:
            return f"it used more than {_in_words(self.limits.disk)} of disk space"
        family = tuple(_family(pid))
        if len(family) > self.limits.processes:
            return f"it started more than {self.limits.processes} processes"
        if sum(map(_memory, family)) > self.limits.memory:
            return f"it used more than {_in_words(self.limits.memory)} of memory"
        return None


def _free(place: Path) -> int:
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def _in_words(size: int) -> str:
    return f"{size / (1 << 30):.3g} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"


def _size(folder: Path | str) -> int:
    """Bytes on the disk of everything in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    total += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total


def _family(pid: int) -> Iterator[int]:
    """A process and all that come from it and still have their parents."""
    children: dict[int, list[int]] = {}
    for one in pids():
        children.setdefault(_parent(one), []).append(one)
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children.pop(one, ())


def _parent(pid: int) -> int:
    """The process that started it, or took it over; 0 if it has ended."""
    words = read_process_file(pid, "stat").rpartition(b")")[2].split()
    return int(words[_PARENT]) if words else 0


def _memory(pid: int) -> int:
    """Bytes of memory that a process shares with no file; 0 if it has ended."""
    words = read_process_file(pid, "statm").split()
    return (int(words[_RESIDENT]) - int(words[_SHARED])) * _PAGE if words else 0
