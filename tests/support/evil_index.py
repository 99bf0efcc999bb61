"""An index that gives one answer to whatever is asked: byte by byte, or far too much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from envbuild.index.locations import IndexLocation
from tests.support.http import Handler, LoopbackServer
from tests.support.index_server import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Drip:
    """A byte now and then, for as long as somebody listens."""

    begin: bytes
    """What is said at once."""

    piece: bytes = b" "
    pause: float = 0.05

    def say(self, handler: Evil) -> None:
        """Drip until the other side hangs up."""
        handler.wfile.write(self.begin)
        while not handler.server.stopping.wait(self.pause):
            handler.wfile.write(self.piece)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flood:
    """The same again and again."""

    begin: bytes
    piece: bytes = b" " * MIB
    times: int = 400

    def say(self, handler: Evil) -> None:
        """Send until the other side hangs up."""
        handler.wfile.write(self.begin)
        for _ in range(self.times):
            handler.wfile.write(self.piece)
            handler.server.sent += len(self.piece)


class Evil(Handler):
    """One connection."""

    server: EvilIndex

    def respond(self) -> None:
        """Say what the test wants said."""
        self.note(200)
        self.close_connection = True
        try:
            self.server.answer.say(self)
        except OSError:
            self.server.was_left = True


class EvilIndex(LoopbackServer):
    """Gives one answer to whatever is asked."""

    answer: Drip | Flood
    sent = 0
    was_left = False

    def __init__(self) -> None:
        super().__init__(Evil)

    @property
    def location(self) -> IndexLocation:
        """Where it is."""
        return IndexLocation(name="default", url=f"{self.origin}/simple")


@pytest.fixture
def evil() -> Iterator[EvilIndex]:
    """An index that gives one answer."""
    with EvilIndex() as server:
        yield server


def head(*lines: str, kind: str = JSON, status: str = "200 OK") -> bytes:
    """The head of an answer, with its empty line."""
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, "", "")).encode()
