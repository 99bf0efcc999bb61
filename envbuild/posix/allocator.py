"""How the C library keeps memory that was freed."""

from __future__ import annotations

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""`M_MMAP_THRESHOLD` and `M_ARENA_MAX` of glibc's `mallopt(3)`."""

_LARGE = 1 << 20
"""Bytes from which on a block is a mapping of its own."""


def pool_freed_memory() -> bool:
    """Let all threads share what was freed, and give the largest blocks back at once; whether the C library can.

    Otherwise glibc keeps apart what each of many threads has freed, which takes twice the memory that is in use.
    Smaller blocks stay with the process, because the system would clear their pages for every use.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_THRESHOLD, _LARGE) and mallopt(_ARENA_MAX, 1))
    except (OSError, AttributeError):  # another C library
        return False
