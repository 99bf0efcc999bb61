"""Locks on files, tried with several processes: who holds one keeps others out, and dies without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError
from envbuild.posix import file_locks
from envbuild.posix.file_locks import locked, locked_if_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


HOLDER = """
import sys, time
from pathlib import Path
from envbuild.posix.file_locks import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(60)
"""


class Holder:
    """Another process that holds a lock until it is killed."""

    def __init__(self, path: Path, kind: str = "exclusive") -> None:
        argv = [sys.executable, "-c", HOLDER, str(path), kind]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"held\n"

    def kill(self) -> None:
        """End it as a power cut would, and wait for it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def lock(project: Path) -> Path:
    """Where a lock lies, which is made by the first who takes it."""
    return project / "x.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator[Holder]:
    """Another process that holds the lock."""
    held = Holder(lock)
    yield held
    held.kill()


def test_a_lock_keeps_others_out(lock: Path, holder: Holder) -> None:
    """Two processes never build one environment side by side; who waits too long is told why."""
    with (
        pytest.raises(HostError, match=f"another envbuild has held {lock} for 0.2 seconds"),
        locked(lock, timeout=0.2),
    ):
        pytest.fail("the lock was taken twice")
    assert holder.process.poll() is None


def test_a_killed_process_gives_its_locks_back(lock: Path, holder: Holder) -> None:
    """`kill -9` leaves no lock that anybody would have to remove by hand."""
    holder.kill()
    with locked(lock, timeout=5) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), lock.stat())


def test_who_waits_gets_the_lock_when_it_is_free(lock: Path, holder: Holder) -> None:
    """Waiting without a time-out ends with the other process."""
    threading.Timer(0.3, holder.process.kill).start()
    begun = time.monotonic()
    with locked(lock):
        assert time.monotonic() - begun > 0.2


def test_threads_keep_one_another_out_as_well(lock: Path) -> None:
    """The lock is one of the file and not of the process."""
    with locked(lock), pytest.raises(HostError), locked(lock, timeout=0.1):
        pytest.fail("the lock was taken twice")


@pytest.mark.parametrize("own", [True, False])
def test_the_user_is_told_of_other_processes_alone(
    lock: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """A build that waits for another build of the same command says nothing; who else holds the lock is named."""
    said: list[str] = []
    monkeypatch.setattr(file_locks, "SILENCE", 0.0)
    monkeypatch.setattr(file_locks.PATIENCE, "say", said.append)
    if own:
        with locked(lock), pytest.raises(HostError), locked(lock, timeout=0.1):
            pass
        assert said == []
        return
    held = Holder(lock)
    with pytest.raises(HostError), locked(lock, timeout=0.1):
        pass
    held.kill()
    assert len(said) == 1
    assert f"held by pid {held.process.pid} of user " in said[0]


def test_shared_locks_go_together(lock: Path) -> None:
    """Many who use a thing share it; who takes it away waits for all of them."""
    held = Holder(lock, "shared")
    try:
        with locked(lock, shared=True, timeout=1):
            pass
        with pytest.raises(HostError), locked(lock, timeout=0.2):
            pytest.fail("the lock was taken although it was shared")
    finally:
        held.kill()


def test_a_lock_is_given_back_after_an_error(lock: Path) -> None:
    """Whatever happens inside, the next one gets in."""
    with pytest.raises(ZeroDivisionError), locked(lock):
        _ = 1 / 0
    with locked(lock, timeout=0):
        pass


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(lock: Path) -> None:
    """Whoever waited for a file that is gone does not hold a lock that nobody else can see."""
    taken = threading.Event()
    release = threading.Event()

    def wait_and_hold() -> None:
        with locked(lock):
            taken.set()
            release.wait(10)

    thread = threading.Thread(target=wait_and_hold)
    with locked(lock):
        thread.start()
        time.sleep(0.2)
        lock.unlink()
    assert taken.wait(10)
    with pytest.raises(HostError), locked(lock, timeout=0.1):
        pytest.fail("two hold the lock of one path")
    release.set()
    thread.join()


def test_a_lock_can_be_tried(lock: Path) -> None:
    """Who only looks makes no file, and learns whether somebody holds it."""
    with locked_if_free(lock) as free:
        assert free
    assert not lock.exists()
    held = Holder(lock)
    with locked_if_free(lock) as free:
        assert not free
    held.kill()
    with locked_if_free(lock) as free:
        assert free
        assert is_held(lock)


def is_held(lock: Path) -> bool:
    """Whether nobody else can take a lock."""
    try:
        with locked(lock, timeout=0.1):
            return False
    except HostError:
        return True


def test_a_lock_can_be_made_by_who_tries_it(lock: Path) -> None:
    """Who means to keep others out from then on makes the file."""
    with locked_if_free(lock, make=True) as free:
        assert free
        assert is_held(lock)
