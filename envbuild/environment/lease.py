"""The lease: a lock that every running process of an environment holds."""

from __future__ import annotations

from envbuild.value import value

LEASE_FILE = ".lease"
"""The file in an environment on which each of its processes holds two shared locks.

It is empty, readable for every user and writable for none.
One is a record lock of the open file (fcntl, `F_OFD_SETLK`), which gc checks:
only a user with write access could prevent it.
The other is a flock, which shows the process to everybody in `/proc/locks`;
a user who can read the file can prevent it.
"""


@value
class Process:
    """A running process of an environment."""

    pid: int
    user: str
    """The name, or the number if it has no name."""

    since: str
    """When it started: UTC, `2026-11-20T10:00:00Z`."""

    environment: str
    """The environment's folder name."""

    lease: bool
    """Whether `/proc/locks` lists it for the environment's lease; otherwise it was found by its files."""

    command: str
    """Its arguments, joined by blanks."""

    def __str__(self) -> str:
        """`pid 4711 of user vllm`."""
        return f"pid {self.pid} of user {self.user}"
