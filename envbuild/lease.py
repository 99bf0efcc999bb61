"""Who holds a lease: the kernel's table of locks as values, and a running process of an environment."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_FILE = ".lease"
"""The file in an environment on which every process of it holds two shared locks.

Empty, readable for every user and writable for none.
One is a record lock of its open file (fcntl, `F_OFD_SETLK`), which a gc goes by:
only who may write to the file could keep others from taking it.
The other is a flock, for which the kernel's table names the process to everybody;
whoever can read the file can keep others from that one.
"""


@value
class HeldLock:
    """One line of the kernel's table."""

    pid: int
    """The process that took it; a child that was forked since holds it too, and is not named."""

    device: tuple[int, int]
    """Major and minor number of the file system, as the kernel counts it."""

    inode: int


@value
class Process:
    """A running process of an environment."""

    pid: int
    user: str
    """The name, or the number where it has none."""

    since: str
    """When it started: UTC, `2026-11-20T10:00:00Z`."""

    environment: str
    """The environment's folder name."""

    lease: bool
    """Whether the kernel's table names it for the environment's lease; else it was known by its files."""

    command: str
    """Its arguments, joined by blanks."""

    def __str__(self) -> str:
        """`pid 4711 of user vllm`."""
        return f"pid {self.pid} of user {self.user}"


def parse_locks(text: str) -> Iterator[HeldLock]:
    """The flocks that are held, from the text of `/proc/locks`; who waits for one is left out.

    A line reads `1: FLOCK  ADVISORY  READ  4711 08:01:131186 0 EOF` (proc(5)).
    """
    for line in text.splitlines():
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK":
            continue
        major, minor, inode = words[5].split(":")
        device = (int(major, 16), int(minor, 16))
        yield HeldLock(pid=int(words[4]), device=device, inode=int(inode))
