"""A process, or a whole host, short of files or processes: what it cannot see it must not judge."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.faults.copies import STRACE
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.copies import Fleet
    from tests.support.index_server import IndexServer

HOST = 5

_OURS = "cli/__pycache__/__init__|cli/__init__.py"
"""The first file of envbuild's own whose loss it can answer for."""


def test_no_file_to_spare(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None]
) -> None:
    """EMFILE: exit 5 and nothing that looks valid and is not; with files again all is well."""
    fleet.sync()
    copy = fleet.keep("before")
    fleet.declare({"web": ["web==1.1"], "gate": ["gate"]})
    refused = 0
    for limit in range(6, 40, amount(4, 1)):
        fleet.put_back(copy)
        done = fleet.run.wrapped(_limited(limit), "sync")
        if done.code != 0:
            refused += 1
            assert done.code == HOST, (limit, str(done))
            assert "Traceback" not in done.stderr, (limit, str(done))
        assert fleet.broken() == ()
        fleet.assert_current_is_complete()
        fleet.run("sync", check=True)
    assert refused
    ledger(
        section="Disks",
        fault="no file descriptor left (EMFILE)",
        times=refused,
        held="exit 5; every receipt is correct; the next sync succeeds",
    )


def _without_free_space(text: str) -> str:
    """What is said, but for how much room others have left on the disk meanwhile."""
    return re.sub(r"[0-9.]+ \w+ free at", "free at", text)


@pytest.mark.parametrize("words", ["verify", "verify --quick", "ps", "history", "doctor"])
def test_whoever_only_looks(
    fleet: Fleet,
    index: IndexServer,
    amount: Callable[[int, int], int],
    ledger: Callable[..., None],
    words: str,
) -> None:
    """EMFILE: what cannot be opened is no finding; the answer is the whole one or exit 5."""
    index.add(Wheel(name="big", files={f"big/data_{n}.bin": bytes(5 << 20) for n in range(6)}))
    fleet.declare({"web": ["web", "big"], "gate": ["gate"]})
    fleet.sync()
    whole = fleet.run(*words.split())
    said = _without_free_space(whole.stdout)
    limits = range(4, 24, amount(2, 1))
    for limit in limits:
        done = fleet.run.wrapped(_limited(limit), *words.split())
        if "Error processing line" in done.stderr:
            continue  # a start-up file of another package ended Python before envbuild began
        if done.code != HOST:
            found = (done.code, _without_free_space(done.stdout))
            assert found == (whole.code, said), (limit, str(done))
    ledger(
        section="Disks",
        fault=f"no file descriptor left (EMFILE): {words}",
        times=len(limits),
        held="exit 5 or the complete answer, never a false finding",
    )


def _limited(files: int) -> tuple[str, ...]:
    return ("sh", "-c", f'ulimit -n {files}; exec "$0" "$@"')


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED: there is no strace")
@pytest.mark.parametrize("words", ["gc --keep 1 --wait", "rollback 1", "verify", "ps"])
def test_a_host_out_of_files(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None], words: str
) -> None:
    """ENFILE at one opening: what runs in an old environment keeps it, and nothing is found damaged."""
    fleet.sync()
    old = fleet.environment("web")
    fleet.declare({"web": ["web==1.1"], "gate": ["gate"]})
    fleet.sync()
    # -S: without the activation it holds no lease, so that its program alone tells of it
    argv = (old / "bin/python", "-S", "-c", "import time; time.sleep(600)")
    with subprocess.Popen(argv) as process:
        try:
            copy = fleet.keep("before")
            openings = _openings(fleet, words)
            _undo(fleet, words, copy)
            times = min(amount(16, 120), len(openings))
            refused = 0
            for at in (openings[len(openings) * number // times] for number in range(times)):
                done = fleet.injected("openat", f"error=ENFILE:when={at}", *words.split())
                assert done.code in (0, HOST), (at, str(done))
                assert "a bug in envbuild" not in done.stderr, (at, str(done))
                refused += done.code == HOST
                assert old.is_dir(), (at, str(done))
                assert fleet.findings() == []
                _undo(fleet, words, copy)
        finally:
            process.kill()
    assert refused
    ledger(
        section="Disks",
        fault=f"the host's table of files is full (ENFILE at one `openat`): {words}",
        times=times,
        held="exit 5 or success without it; running processes keep their environments; no damage is found",
    )


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED: there is no strace")
def test_no_process_to_spare(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None]
) -> None:
    """From some moment on no thread or process (EAGAIN): exit 5 or success without it, never a bug."""
    fleet.sync()
    fleet.declare({"web": ["web==1.1"], "gate": ["gate"]})
    copy = fleet.keep("before")
    refused = 0
    moments = range(1, 13, amount(3, 1))
    for moment in moments:
        fleet.put_back(copy)
        fault = f"error=EAGAIN:when={moment}+"
        for words in ("sync", "verify", "ps", "gc --keep 1"):
            done = fleet.injected(_STARTS, fault, *words.split())
            assert done.code in (0, HOST), (moment, str(done))
            assert "a bug in envbuild" not in done.stderr, (moment, str(done))
            refused += done.code == HOST
        assert fleet.broken() == ()
        fleet.assert_current_is_complete()
        fleet.run("sync", check=True)
        assert fleet.findings() == []
        collected = fleet.injected(_STARTS, fault, "gc", "--keep", "1")
        assert collected.code == 0, str(collected)
        if moment == 1:  # then gc itself has deleted what went
            assert not list(fleet.store.glob("trash/*"))
    assert refused
    ledger(
        section="Disks",
        fault="no further process or thread from the Nth on (EAGAIN): sync, verify, ps, gc",
        times=4 * len(moments),
        held="exit 5 or success without it; every receipt is correct; the next sync succeeds",
    )


_STARTS = "clone,clone3,fork,vfork"


def _undo(fleet: Fleet, words: str, copy: Path) -> None:
    """Make the fleet what it was; a rollback looks at inodes, so that a copy would not do."""
    if words.startswith("gc"):
        fleet.put_back(copy)
    elif words.startswith("rollback"):
        fleet.run("rollback", "2", check=True)


def _openings(fleet: Fleet, words: str) -> range:
    """The numbers of the openings of the first process once envbuild's own code runs."""
    log: Path = fleet.run.cwd / "strace.log"
    fleet.run.wrapped((*STRACE, str(log), "--trace=openat"), *words.split(), check=True)
    lines = log.read_text().splitlines()
    first = lines[0].split()[0]
    own = [line for line in lines if line.split()[0] == first and "openat(" in line]
    begin = max(number for number, line in enumerate(own, 1) if re.search(_OURS, line))
    return range(begin + 1, len(own) + 1)
