"""The kernel's table of locks as values."""

from __future__ import annotations

from envbuild.posix.process_table import HeldLock, parse_locks

_TABLE = """\
1: FLOCK  ADVISORY  READ  4711 fe:00:131186 0 EOF
2: POSIX  ADVISORY  WRITE 812 00:1a:9001 0 EOF
3: FLOCK  ADVISORY  WRITE 99 fe:10:7 0 EOF
3: -> FLOCK  ADVISORY  WRITE 100 fe:10:7 0 EOF
"""


def test_only_flocks_that_are_held_count() -> None:
    """POSIX locks are others' affair, and who waits for a lock has none."""
    assert tuple(parse_locks(_TABLE)) == (
        HeldLock(pid=4711, device=(0xFE, 0), inode=131186),
        HeldLock(pid=99, device=(0xFE, 0x10), inode=7),
    )
