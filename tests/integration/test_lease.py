"""Leases and `find_processes`, on a real environment with the real activation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.environment.activation import MODULE_FILE, PTH_FILE, PTH_TEXT, render_activation
from envbuild.environment.lease import LEASE_FILE
from envbuild.store.processes import find_processes
from tests.support.values import make_derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.environment.lease import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: leases need /proc")

_SYSTEM = Path("/usr/bin/python3")
_PYTHON = _SYSTEM if _SYSTEM.exists() else Path(sys.executable)
"""A Python that every user can start, where there is one."""

_SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def environment(scratch: Path) -> Path:
    """An environment `x-1.0-000000000000` with its activation and lease, below `envs/`."""
    folder = scratch / "s" / "envs" / "x-1.0-000000000000"
    subprocess.run((_PYTHON, "-m", "venv", "--without-pip", folder), check=True)
    site_packages = next(folder.glob("lib/python3.*/site-packages"))
    (site_packages / MODULE_FILE).write_text(render_activation(make_derivation(), str(folder)))
    (site_packages / PTH_FILE).write_text(PTH_TEXT)
    (folder / LEASE_FILE).touch(mode=0o444)
    return folder


@pytest.fixture
def start(environment: Path) -> Iterator[Starter]:
    """Start the environment's Python; whatever still runs at the end is killed."""
    starter = Starter(environment)
    yield starter
    starter.end()


class Starter:
    """Starts processes that say `up` when they are."""

    def __init__(self, environment: Path) -> None:
        self._python = environment / "bin" / "python"
        self._running: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str, user: int | None = None) -> int:
        process = subprocess.Popen(
            (self._python, *arguments),
            user=user,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process.pid

    def end(self) -> None:
        for process in self._running:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self._running.clear()


def find(environment: Path) -> dict[int, Process]:
    """The processes of the environment's store by pid."""
    return {process.pid: process for process in find_processes(environment.parent)}


def test_a_process_holds_its_lease_until_it_ends(environment: Path, start: Starter) -> None:
    """A lease lives exactly as long as its process."""
    pid = start("-c", _SLEEP)
    process = find(environment)[pid]
    assert process.lease
    assert process.environment == environment.name
    assert process.since[:2] == "20"
    start.end()
    assert find(environment) == {}


def test_a_child_of_another_program_holds_none(environment: Path, start: Starter) -> None:
    """What a driver starts that is not of the environment does not keep the environment alive."""
    code = (
        "import subprocess, sys; c = subprocess.Popen(['sleep', '60'], close_fds=False);"
        "print('up', flush=True); import time; time.sleep(60)"
    )
    pid = start("-c", code)
    assert set(find(environment)) == {pid}
    start.end()
    assert find(environment) == {}


def test_a_forked_worker_keeps_it(environment: Path, start: Starter) -> None:
    """A worker that was forked and whose parent has gone still counts."""
    code = f"import os\nif os.fork(): os._exit(0)\n{_SLEEP}"
    parent = start("-c", code)
    found = find(environment)
    (worker,) = set(found) - {parent}
    assert found[worker].environment == environment.name


def test_what_takes_no_lease_is_known_by_its_program(environment: Path, start: Starter) -> None:
    """A Python that was told to skip every start-up file is seen all the same."""
    pid = start("-S", "-c", _SLEEP)
    process = find(environment)[pid]
    assert not process.lease


@pytest.mark.root
def test_a_user_who_cannot_write_holds_one(environment: Path, start: Starter) -> None:
    """A service user takes a lease in root's store."""
    pid = start("-c", _SLEEP, user=65534)
    process = find(environment)[pid]
    assert process.lease
    assert process.user == "nobody"


def test_a_start_waits_for_nobody(environment: Path, start: Starter) -> None:
    """Whoever holds the lease exclusively cannot keep a driver from starting."""
    import fcntl

    with (environment / LEASE_FILE).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        started = time.monotonic()
        start("-c", _SLEEP)
        assert time.monotonic() - started < 5


def test_it_is_not_felt_at_start(environment: Path) -> None:
    """The lease costs less than a tenth of a bare Python's start: a millisecond, where that takes ten."""
    code = (
        "import time, sys; del sys.modules['_envbuild_activation']; del sys.modules['fcntl'];"
        "a = time.perf_counter(); import _envbuild_activation; print(time.perf_counter() - a)"
    )
    python = str(environment / "bin" / "python")
    leases, starts = [], []
    for _ in range(20):
        done = subprocess.run((python, "-c", code), capture_output=True, text=True, check=True)
        leases.append(float(done.stdout))
        begin = time.perf_counter()
        subprocess.run((python, "-I", "-S", "-c", "pass"), check=True)
        starts.append(time.perf_counter() - begin)
    assert sorted(leases)[10] < sorted(starts)[10] / 10
