"""Work that is divided between two processes: each item is done once, and whoever ends early is no answer."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.posix.process import SystemRunner
from envbuild.posix.second_process import SecondProcessError, SecondProcesses
from tests.support.divided_work import be_killed, fail, leave, slowly, until
from tests.support.process_tree import descendants, wait_for_descendant, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ODD = ["", "a\nb", "\0", "\udcff.py", "é", "x" * 70_000, b"\xff\n", ".", None, 255]


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    """The descriptor of a lock."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


def processes(most: int = 1) -> SecondProcesses:
    """Really started ones."""
    return SecondProcesses(SystemRunner(), most)


@pytest.mark.parametrize("items", [list(range(40)), list(range(300)), ODD], ids=len)
def test_each_item_is_taken_once(lock: int, items: list[Any]) -> None:
    """By whoever is free; names with any character in them arrive as they are."""
    with processes().start(lock) as second:
        results = second.divide(slowly, items)
    assert len({pid for pid, _ in results}) == 2
    assert all(taken for _, taken in results)
    assert sorted((taken for _, part in results for taken in part), key=repr) == sorted(
        items, key=repr
    )
    assert not descendants(os.getpid())


def test_one_process_does_several_jobs(lock: int) -> None:
    """It is started once; jobs with nothing to do are jobs too."""
    with processes().start(lock) as second:
        pids = [{pid for pid, _ in second.divide(slowly, items)} for items in (range(40), (), (1,))]
    assert pids[0] == pids[1] == pids[2]
    assert len(pids[0]) == 2


def test_a_result_may_be_larger_than_a_pipe(lock: int) -> None:
    """Neither process waits for the other for ever."""
    items = [str(number) * 2_000 for number in range(2_000)]
    with processes().start(lock) as second:
        results = second.divide(list, items)
    assert sorted(item for part in results for item in part) == sorted(items)


@pytest.mark.parametrize("end", [be_killed, leave, fail])
def test_a_process_that_ends_early_is_an_error(lock: int, end: Callable[[], None]) -> None:
    """Killed, ended or failed: how far it came is not known, and nobody waits for it."""
    work = partial(until, end, os.getpid())
    with (
        pytest.raises(SecondProcessError, match="ended with status"),
        processes().start(lock) as second,
    ):
        second.divide(work, range(100))
    assert not descendants(os.getpid())


def test_a_process_that_ended_before_its_job_took_nothing(lock: int) -> None:
    """Then this process does everything, now and later."""
    with processes().start(lock) as second:
        pid = wait_for_descendant(os.getpid(), "second_process")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not descendants(os.getpid()), "it has ended")
        assert second.divide(list, range(9)) == [list(range(9))]
        assert second.divide(list, range(3)) == [list(range(3))]


def test_a_process_that_is_killed_between_its_jobs_took_nothing(lock: int) -> None:
    """What was done together stays done; the next job is done here."""
    with processes().start(lock) as second:
        assert len(second.divide(slowly, range(40))) == 2
        os.kill(wait_for_descendant(os.getpid(), "second_process"), signal.SIGKILL)
        wait_until(lambda: not descendants(os.getpid()), "it has ended")
        assert second.divide(list, range(9)) == [list(range(9))]


def test_a_process_that_cannot_be_started_is_not_missed(
    lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process does everything."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with processes().start(lock) as second:
        assert second.divide(list, range(9)) == [list(range(9))]


def test_only_so_many_run_at_once(lock: int) -> None:
    """A build beside others does its work alone; afterwards there is room again."""
    both = processes()
    with both.start(lock) as first, both.start(lock) as second:
        assert len(second.divide(slowly, range(40))) == 1
        assert len(first.divide(slowly, range(40))) == 2
    with both.start(lock) as third:
        assert len(third.divide(slowly, range(40))) == 2
    with processes(0).start(lock) as nobody:
        assert len(nobody.divide(slowly, range(4))) == 1


def test_the_lock_is_held_until_it_has_ended(tmp_path: Path) -> None:
    """If this process is killed, nobody builds beside the other one."""
    held = os.open(tmp_path / "held", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    with (tmp_path / "held").open() as another:
        with processes().start(held):
            os.close(held)
            with pytest.raises(BlockingIOError):
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_error_here_ends_the_other_process(lock: int) -> None:
    """What goes wrong in this process is raised, and nothing works on behind its back."""

    def fail_here() -> None:
        with processes().start(lock) as second:
            second.divide(partial(until, fail, -1), range(1_000))

    with pytest.raises(OSError, match="No space left"):
        fail_here()
    assert not descendants(os.getpid())


def test_a_stopped_runner_ends_it(lock: int) -> None:
    """An interrupted envbuild leaves no process behind."""
    runner = SystemRunner()
    with SecondProcesses(runner, 1).start(lock) as second:
        assert len(second.divide(slowly, range(40))) == 2
        runner.stop()
        assert not descendants(os.getpid())
    with SecondProcesses(runner, 1).start(lock) as refused:
        assert len(refused.divide(list, range(4))) == 1
