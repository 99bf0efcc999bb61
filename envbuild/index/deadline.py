"""A deadline for the whole of an answer: a server that drips is no better than one that is silent.

Whatever a thread waits for then (a handshake, a line of the head, a piece of the body),
its connection is shut down under it, and it goes on with what a connection that breaks comes to.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

SLOWEST = 50_000
"""Bytes a second: an answer that comes faster is in time, however long it is."""


_LINGER = 1.0
"""Seconds that the watching thread waits for the next answer."""


class Deadline:
    """When one answer has to be there; used by the thread that asks and by the one that watches."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.has_passed = False
        self._guard = threading.Lock()
        self._connection: socket.socket | None = None

    def watch(self, connection: socket.socket) -> None:
        """The connection that is shut down when the time has come: a copy, whatever wraps the original."""
        with self._guard:
            self._connection = connection
            if self.has_passed:
                _shut_down(connection)

    def earn(self, size: int) -> None:
        """Bytes have come, which give time for more."""
        self.end += size / SLOWEST

    def pass_by(self) -> None:
        """The time has come."""
        with self._guard:
            self.has_passed = True
            if self._connection is not None:
                _shut_down(self._connection)

    def release(self) -> None:
        """Leave the connection alone from now on: the answer is there."""
        with self._guard:
            self._connection = None


class Watchdog:
    """Looks after the deadlines of all answers that are on their way, in a thread that starts with the first."""

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
        """The answer is there, or nobody waits for it."""
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
        # below TLS, which would take part of it: who reads there is to see the end, and nothing else
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
