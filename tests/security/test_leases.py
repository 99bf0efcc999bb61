"""Leases: whoever has an account cannot make a gc take an environment away from what runs in it."""

from __future__ import annotations

import fcntl
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.security.conftest import web
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["web"]

UNKNOWN = """
import ctypes
words = open("/proc/self/stat").read().rpartition(")")[2].split()
start, end = int(words[45]), int(words[46])
ctypes.memset(start, ord("x"), end - start - 1)
print("up", flush=True)
import time
time.sleep(60)
"""
"""What a program runs that calls itself otherwise, as many services do to be told apart."""


@pytest.fixture
def old(web: CommandLine, index: IndexServer, store: Path) -> Path:
    """An environment that no generation needs but an old one."""
    web("sync", check=True)
    (environment,) = (store / "envs").iterdir()
    index.add(command_wheel("web", "2.0"))
    web("lock", "--upgrade", check=True)
    web("sync", check=True)
    return environment


@contextmanager
def running(environment: Path, *argv: str) -> Iterator[None]:
    """A process of the environment, from when it says that it is up."""
    process = subprocess.Popen((environment / "bin/python", *argv), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"up\n"
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_lease_cannot_be_denied(web: CommandLine, old: Path) -> None:
    """The attacker is any user: he may read the lease, and locks it just while a service starts.

    A gc that does not see the service then takes its environment away under it.
    """
    with (old / ".lease").open("rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with running(old, "-c", UNKNOWN):
            fcntl.flock(lease, fcntl.LOCK_UN)
            result = web("gc", "--keep", "1", check=True)
            assert old.is_dir()
    assert f"kept {old.name}: " in result.stdout
    web("gc", "--keep", "1", check=True)
    assert not old.exists()


def test_a_lease_cannot_be_taken_to_deny_it(old: Path) -> None:
    """The attacker is any user; the lock that would keep services from the lease needs a right to write."""
    with (old / ".lease").open("rb") as lease:
        write_lock = fcntl.F_WRLCK.to_bytes(2, sys.byteorder) + bytes(30)
        with pytest.raises(OSError, match="Bad file descriptor"):
            fcntl.fcntl(lease, fcntl.F_OFD_SETLK, write_lock)
    assert stat.S_IMODE((old / ".lease").stat().st_mode) == 0o444


def test_what_a_process_maps_counts_whatever_it_calls_itself(web: CommandLine, old: Path) -> None:
    """The attacker is nobody here: a service without a lease that calls itself otherwise is what it runs."""
    file = str(old / "pyvenv.cfg")
    code = f"import mmap\nf = open({file!r})\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
    with running(old, "-S", "-c", code + UNKNOWN):
        web("gc", "--keep", "1", check=True)
        assert old.is_dir()
