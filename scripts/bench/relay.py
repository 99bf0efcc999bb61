"""An index on loopback that hands on what the host's index said, and says itself how long it holds.

Pages hold as long as a measurement wants them to; pieces of files hold for ever, as public indexes say of theirs.
Otherwise how an index happens to be set up would decide what is asked twice.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

import urllib3

from scripts.bench.fleets import LIFETIME
from tests.support.default_index import default_index_url
from tests.support.http import Handler, LoopbackServer

_DELAY = 0.03
"""Seconds before an answer, as of a public index some hundred kilometres away."""

_SHORTLY = 1
"""Seconds that an answer holds where it is to be expired soon."""

_A_WHILE = 24 * 3600
"""Seconds that an answer holds where none is to expire while it is measured."""

_FILE = re.compile(rb'((?:href=|"url":\s*)")(https?://[^/"]+)(?=/)')
"""Where a page of either kind, HTML or JSON, says where a file lies: what leads there, and its origin."""

_POOL = urllib3.PoolManager(maxsize=64)
_FOR_EVER = "max-age=365000000, immutable, public"
_HANDED_ON = ("Accept-Ranges", "Content-Range", "Content-Type", "ETag")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the host's index said."""

    status: int
    headers: dict[str, str]
    """Those that are handed on, names as in HTTP."""

    body: bytes
    length: str
    """What it said of the length, which a HEAD tells without a body."""


class Relay(LoopbackServer):
    """`with Relay() as relay:` answers at `relay.url` what the host's index answers, each page asked for once.

    The network is in no measurement then, but a delay is: that of an index in another city.
    """

    def __init__(self, behind: str | None = None) -> None:
        """`behind`: the index whose answers are handed on; default: the host's."""
        super().__init__(_RelayHandler, lifetime=LIFETIME)
        self.behind = (behind or default_index_url()).rstrip("/")
        self.seconds = _A_WHILE
        """How long an answer holds from now on (`Cache-Control: max-age`)."""

        self.answers: dict[tuple[str, ...], Answer] = {}
        """What was asked for, and what was said."""

        self.origins: list[str] = []
        """Where the index keeps its files; `/files/N/` here stands for the Nth."""

        self.delay = _DELAY
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

    def ask(self, method: str, url: str, **headers: str) -> Answer:
        """What stands at an address, asked for once."""
        key = (method, url, *headers.values())
        if key not in self.answers:
            self.answers[key] = _fetch(method, url, headers)
        return self.answers[key]

    def page(self, path: str, accept: str) -> Answer:
        """A page below the index's root, its files' addresses led through here."""
        key = ("page", path, accept)
        if key not in self.answers:
            answer = self.ask("GET", self.behind + path, Accept=accept)
            root = self.behind.rpartition("/")[0].encode()
            body = answer.body.replace(b'"../../', b'"' + root + b"/")
            self.answers[key] = replace(answer, body=_FILE.sub(self._led_here, body))
        return self.answers[key]

    def _led_here(self, origin: re.Match[bytes]) -> bytes:
        found = origin[2].decode()
        with self.guard:
            if found not in self.origins:
                self.origins.append(found)
        return origin[1] + f"{self.origin}/files/{self.origins.index(found)}".encode()


class _RelayHandler(Handler):
    server: Relay

    def respond(self) -> None:
        """Hand on a page, or a piece of a file; who asks for a whole file is sent to the index."""
        if not self.path.startswith("/files/"):
            path = self.path.removeprefix("/simple")
            answer = self.server.page(path, self.headers.get("Accept", "*/*"))
            self._hand_on(answer, f"max-age={self.server.seconds}, public")
            return
        number, _, path = self.path.removeprefix("/files/").partition("/")
        url = f"{self.server.origins[int(number)]}/{path}"
        span = self.headers.get("Range")
        if span is None and self.command == "GET":
            self.answer(302, Location=url)
        else:
            more = {} if span is None else {"Range": span}
            self._hand_on(self.server.ask(self.command, url, **more), _FOR_EVER)

    def _hand_on(self, answer: Answer, holds: str) -> None:
        """304 where the index names versions of what it has and this one is known."""
        time.sleep(self.server.delay)
        etag = answer.headers.get("ETag")
        known = etag is not None and self.headers.get("If-None-Match") == etag
        self.note(answer.status)
        self.send_response(304 if known else answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", holds)
        if self.command == "HEAD":
            self.send_header("Content-Length", answer.length)
        elif not known:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and not known:
            self.wfile.write(answer.body)


def _fetch(method: str, url: str, headers: dict[str, str]) -> Answer:
    reply = _POOL.request(method, url, headers=headers, timeout=60)
    handed_on = {name: reply.headers[name] for name in _HANDED_ON if name in reply.headers}
    length = reply.headers.get("Content-Length", str(len(reply.data)))
    return Answer(status=reply.status, headers=handed_on, body=reply.data, length=length)
