"""How the C library keeps memory that was freed."""

from __future__ import annotations

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's `mallopt(3)`."""

_LARGE = 1 << 18
"""Bytes from which on a block is a mapping of its own."""


def give_large_blocks_back() -> bool:
    """Give large blocks back to the system as soon as they are freed; whether the C library can be told so.

    Otherwise glibc keeps what many threads have freed, which takes twice the memory that is in use.
    """
    import ctypes

    try:
        return bool(ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE))
    except (OSError, AttributeError):  # another C library
        return False
