"""Freed memory is shared by all threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import host_platform

SCRIPT = """
import threading
from pathlib import Path
from envbuild.posix.allocator import pool_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

assert pool_freed_memory()
before = resident()
kept, ended, done = [], threading.Event(), threading.Semaphore(0)

def use():
    blocks = [b"x" * (1 << 19) for _ in range(32)]
    kept.append(blocks[-1])
    del blocks
    done.release()
    ended.wait(60)

for _ in range(8):
    threading.Thread(target=use).start()
    done.acquire()
print((resident() - before) * {page} >> 20)
ended.set()
"""


@pytest.mark.skipif("manylinux" not in host_platform(), reason="glibc alone can be told so")
def test_what_one_thread_has_freed_another_uses() -> None:
    """Eight threads that live at the same time use 16 MiB each, one after the other, and keep half a MiB each."""
    script = SCRIPT.format(page=os.sysconf("SC_PAGE_SIZE"))
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 48
