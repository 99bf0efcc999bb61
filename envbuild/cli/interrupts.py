"""SIGINT, SIGTERM and SIGHUP: each ends the command once, in whichever thread it arrives."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON = 0.05
"""Seconds in which the main thread takes a signal by itself."""

_heard = threading.Event()
_listening = threading.Event()
"""Whether this process has its pipe and its thread; a program that runs many commands in itself needs no more."""


def hear_interrupts() -> None:
    """Raise KeyboardInterrupt in the main thread for the first of these signals.

    Python runs handlers only in the main thread. The kernel may send a signal to any thread,
    and then nothing wakes the main thread while it waits for a lock, such as for a worker's result.
    So a separate thread receives each signal, and sends it to the main thread.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it, or a shell's `&`
            signal.signal(number, _interrupt)
    if not _listening.is_set():
        _listening.set()
        _listen()


def _listen() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(
        after_in_child=lambda: signal.set_wakeup_fd(-1)
    )  # the pipe is this process's
    with suppress(
        RuntimeError
    ):  # no thread to spare: then signals are heard where the kernel gives them
        threading.Thread(target=_wake_main_thread, args=(reader,), daemon=True).start()


def _wake_main_thread(reader: int) -> None:
    main = threading.main_thread().ident
    assert main is not None
    while told := os.read(reader, 1):
        if told[0] in _SIGNALS and not _heard.wait(_SOON):
            signal.pthread_kill(main, told[0])


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the command; later signals do not interrupt this."""
    _heard.set()
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
