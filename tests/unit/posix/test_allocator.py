"""Large blocks go back to the system when they are freed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import host_platform

SCRIPT = """
from pathlib import Path
from envbuild.posix.allocator import give_large_blocks_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

assert give_large_blocks_back()
bytes(8 << 20)  # once freed, it would teach glibc to keep blocks of its size
before = resident()
blocks = [bytearray(1 << 20) for _ in range(64)]
for block in blocks:
    block[:] = b"x" * len(block)
keep = blocks[-1]
del blocks, block
print((resident() - before) * {page} >> 20)
"""


@pytest.mark.skipif("manylinux" not in host_platform(), reason="glibc alone can be told so")
def test_freed_blocks_are_given_back() -> None:
    """Of 64 MiB that were used, little stays with the process, though the last block is in use still."""
    script = SCRIPT.format(page=os.sysconf("SC_PAGE_SIZE"))
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 8
