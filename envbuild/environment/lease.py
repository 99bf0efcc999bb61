"""What a running process of an environment holds: its lease."""

from __future__ import annotations

from envbuild.value import value

LEASE_FILE = ".lease"
"""The file in an environment on which every process of it holds two shared locks.

Empty, readable for every user and writable for none.
One is a record lock of its open file (fcntl, `F_OFD_SETLK`), which a gc goes by:
only who may write to the file could keep others from taking it.
The other is a flock, for which the kernel's table names the process to everybody;
whoever can read the file can keep others from that one.
"""


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
