"""A deadline for each answer of an index, and the thread that watches them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

SLOWEST = 50_000
"""Bytes a second: a faster answer is never too late, however long it is."""


_LINGER = 1.0
"""Seconds that the watching thread waits for the next answer."""


class Deadline:
    """The deadline of one answer; used by the requesting and by the watching thread."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.has_passed = False
        self._guard = threading.Lock()
        self._connection: socket.socket | None = None

    def watch(self, connection: socket.socket) -> None:
        """The connection to shut down at the deadline: a copy of its socket."""
        with self._guard:
            self._connection = connection
            if self.has_passed:
                _shut_down(connection)

    def earn(self, size: int) -> None:
        """More bytes have arrived, which extends the deadline."""
        self.end += size / SLOWEST

    def pass_by(self) -> None:
        """The deadline has passed."""
        with self._guard:
            self.has_passed = True
            if self._connection is not None:
                _shut_down(self._connection)

    def release(self) -> None:
        """Stop watching: the answer is complete."""
        with self._guard:
            self._connection = None


class Watchdog:
    """Watches the deadlines of all running answers, in a thread that starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Deadline] = set()
        self._thread: threading.Thread | None = None

    def begin(self, seconds: float) -> Deadline:
        """A deadline that is watched until `finish`."""
        deadline = Deadline(seconds)
        with self._changed:
            self._watched.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            if len(self._watched) == 1:
                self._changed.notify()
        return deadline

    def finish(self, deadline: Deadline) -> None:
        """The answer is complete, or was given up."""
        with self._changed:
            self._watched.discard(deadline)
        deadline.release()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = [deadline for deadline in self._watched if deadline.end <= now]
                self._watched.difference_update(late)
                if not late and self._watched:
                    # those that begin meanwhile end later than these
                    self._changed.wait(min(deadline.end for deadline in self._watched) - now)
                elif not late and not self._changed.wait(_LINGER) and not self._watched:
                    self._thread = None
                    return
            for deadline in late:
                deadline.pass_by()


def _shut_down(connection: socket.socket) -> None:
    import socket

    with suppress(OSError):
        # the socket below TLS: a reader there sees only the end of the stream
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
