"""A signal ends a command whichever thread the kernel gives it to."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading, time
from envbuild.cli.interrupts import hear_interrupts

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, which may have started the tests, ignores it
hear_interrupts()
other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
other.start()
threading.Timer(0.2, lambda: signal.pthread_kill(other.ident, int(sys.argv[1]))).start()
try:
    threading.Lock().acquire() and other.join()
except KeyboardInterrupt:
    os._exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_another_thread_gets_wakes_the_main_one(number: signal.Signals) -> None:
    """Python runs handlers in the main thread, which the kernel leaves asleep where it waits for a lock."""
    argv = (sys.executable, "-c", PROGRAM, str(int(number)))
    done = subprocess.run(argv, timeout=20, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_child_that_was_forked_tells_its_parent_nothing() -> None:
    """Whoever ends a child of ours does not end us."""
    program = PROGRAM.replace("try:", "child = os.fork() or time.sleep(60)\ntry:").replace(
        "signal.pthread_kill(other.ident,", "os.kill(child,"
    )
    program = program.replace("and other.join()", "and os.waitpid(child, 0) and os._exit(0)")
    argv = (sys.executable, "-W", "ignore", "-c", program, str(int(signal.SIGTERM)))
    done = subprocess.run(argv, timeout=20, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
