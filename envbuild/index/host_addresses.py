"""Addresses of hosts, looked up once for all connections: name servers drop some of fifty queries at a time.

A dropped query is repeated after five seconds, by every connection that waits for it.
"""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Places = tuple[str, ...]
"""Addresses of a host, in the order in which they are to be tried."""

_HOLDS = 60.0
"""Seconds that an answer is used: a command may download for an hour, and hosts move."""


class HostAddresses:
    """The addresses that host names resolved to; safe to share between threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._asked: dict[tuple[str, int], tuple[float, Future[Places]]] = {}

    def of(self, host: str, port: int) -> Places:
        """The addresses of a host; OSError (`gaierror`) or UnicodeError for a name that has none.

        Who asks while another thread looks it up gets the same answer; an error is not kept.
        """
        key, now = (host, port), self._clock()
        with self._guard:
            since, answer = self._asked.get(key, (0.0, None))
            is_first = answer is None or now - since >= _HOLDS
            if answer is None or is_first:
                answer = Future()
                self._asked[key] = (now, answer)
        if is_first:
            try:
                answer.set_result(_look_up(host, port))
            except BaseException as error:  # noqa: BLE001  (every waiting thread raises it)
                with self._guard:
                    if self._asked.get(key) == (now, answer):
                        del self._asked[key]
                answer.set_exception(error)
        return answer.result()


def _look_up(host: str, port: int) -> Places:
    from urllib3.util.connection import allowed_gai_family

    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))
