"""An index on loopback that hands on what the host's index said, and says itself how long it holds."""

from __future__ import annotations

import statistics
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from tests.support.default_index import default_index_url
from tests.support.http import Handler, LoopbackServer

_LIFETIME = 3 * 3600.0
_SHORTLY = 1
"""Seconds that an answer holds where it is to be expired soon."""

_A_WHILE = 24 * 3600
"""Seconds that an answer holds where none is to expire while it is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the host's index said about a package."""

    status: int
    kind: str
    etag: str | None
    body: bytes


class Relay(LoopbackServer):
    """`with Relay() as relay:` answers at `relay.url` what the host's index answers, each page asked for once.

    The network is in no measurement then, but its delay is:
    every answer takes as long as the index took for one page when the relay began.
    """

    def __init__(self) -> None:
        super().__init__(_RelayHandler, lifetime=_LIFETIME)
        self.behind = default_index_url().rstrip("/")
        self.seconds = _A_WHILE
        """How long an answer holds from now on (`Cache-Control: max-age`)."""

        self.answers: dict[tuple[str, str], Answer] = {}
        """What was asked for, path and `Accept`, and what the index said."""

        self.delay = statistics.median(self._ask_once() for _ in range(5))
        """Seconds before each answer."""

    @property
    def url(self) -> str:
        """The index's address."""
        return f"{self.origin}/simple"

    def answer_shortly(self) -> None:
        """From now on give answers that have expired a moment later; `wait_out` waits for that."""
        self.seconds = _SHORTLY

    def answer_for_long(self) -> None:
        """From now on give answers that outlive the run."""
        self.seconds = _A_WHILE

    def wait_out(self) -> None:
        """Return when every answer that was given shortly has expired."""
        time.sleep(_SHORTLY + 1)

    def ask(self, path: str, accept: str) -> Answer:
        """What the index behind says of a path below its root, asked for once."""
        key = (path, accept)
        if key not in self.answers:
            self.answers[key] = self._fetch(path, accept)
        return self.answers[key]

    def _fetch(self, path: str, accept: str) -> Answer:
        request = urllib.request.Request(self.behind + path, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                status, headers, body = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, error.headers, error.read()
        kind = headers.get("Content-Type", "text/html")
        return Answer(status=status, kind=kind, etag=headers.get("ETag"), body=body)

    def _ask_once(self) -> float:
        begin = time.perf_counter()
        self._fetch("/packaging/", "text/html")
        return time.perf_counter() - begin


class _RelayHandler(Handler):
    server: Relay

    def respond(self) -> None:
        """Hand a page on; 304 where the index names versions of its pages and this one is known."""
        path = self.path.removeprefix("/simple")
        answer = self.server.ask(path, self.headers.get("Accept", "*/*"))
        time.sleep(self.server.delay)
        headers = {
            "Content_Type": answer.kind,
            "Cache_Control": f"max-age={self.server.seconds}, public",
        }
        if answer.etag is not None:
            headers["ETag"] = answer.etag
            if self.headers.get("If-None-Match") == answer.etag:
                self.answer(304, **headers)
                return
        self.answer(answer.status, answer.body, **headers)
