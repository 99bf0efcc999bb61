"""The same with many things, in several processes."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.forks import map_in_processes, run_batches

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_order(workers: int, count: int) -> None:
    """However many processes share the work, each item has its own result at its place."""
    assert map_in_processes(lambda n: (n, str(n)), range(count), workers) == [
        (n, str(n)) for n in range(count)
    ]


def test_several_processes_work() -> None:
    """Every worker is a process of its own, the caller among them, and none is left."""

    def look(_: int) -> int:
        time.sleep(0.05)  # so that nobody takes everything
        return os.getpid()

    pids = map_in_processes(look, range(6), 3)
    assert len(set(pids)) == 3
    assert os.getpid() in pids
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_killed_process_is_no_answer() -> None:
    """Where a part was not looked at, nobody says that all is well."""
    own = os.getpid()

    def look(_: int) -> bool:
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)  # so that the other one has its turn
        return True

    with pytest.raises(ChildProcessError, match="was killed"):
        map_in_processes(look, range(4), 2)


def test_an_error_here_ends_the_others() -> None:
    """What goes wrong in the caller's own share is raised, and no process stays behind."""
    own = os.getpid()

    def look(_: int) -> bool:
        if os.getpid() == own:
            raise PermissionError("no")
        signal.pause()
        return True

    with pytest.raises(PermissionError):
        map_in_processes(look, range(4), 2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_work_that_the_caller_has_to_do_first_holds_nobody_up() -> None:
    """While the caller is at something else, the others take what there is."""
    own, begun = os.getpid(), []

    def look(numbers: Iterator[int]) -> tuple[int, list[int]]:
        return os.getpid(), list(numbers)

    def meanwhile() -> None:
        begun.append(True)
        time.sleep(0.5)

    found = dict(run_batches(look, 100, 2, meanwhile))
    assert begun == [True]
    assert sorted(number for numbers in found.values() for number in numbers) == list(range(100))
    assert found[own] == []


def test_a_host_without_room_does_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started, one is enough."""

    def refuse() -> int:
        raise BlockingIOError("no room")

    monkeypatch.setattr(os, "fork", refuse)
    assert map_in_processes(lambda n: n + 1, range(5), 3) == [1, 2, 3, 4, 5]
