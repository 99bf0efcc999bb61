"""A name is looked up once for many connections, and again where that failed or is long ago."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.index.host_addresses import HostAddresses
from envbuild.index.web import Request, Web
from tests.support.http import Handler, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Names:
    """A name server."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: tuple[str, ...] = ("127.0.0.1",)
        self.failures = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, host: str, port: int, *_: Any) -> list[Any]:
        """As `socket.getaddrinfo`; addresses themselves are not counted."""
        if host[0].isdigit():
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        self.asked.append(host)
        assert self.may_answer.wait(20)
        if self.failures:
            self.failures -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.answers]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What every name is looked up by."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    return names


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """An index that says yes, on 127.0.0.1 alone."""

    class Answering(Handler):
        def respond(self) -> None:
            self.answer(200, b"yes")

    with LoopbackServer(Answering) as server:
        yield server


def fetch(server: LoopbackServer, name: str) -> bytes:
    """What it answers by that name, with a connection of its own."""
    port = server.origin.rpartition(":")[2]
    with closing(Web({}, read_timeout=5, deadline=20, retries=2)) as web:
        return web.fetch(Request(url=f"http://{name}:{port}/"), limit=100)[1]


def test_fifty_connections_ask_once(names: Names, server: LoopbackServer) -> None:
    """Also those that begin while the name is still looked up."""
    names.may_answer.clear()
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(fetch, server, "fifty.example") for _ in range(50)]
        names.may_answer.set()
        assert {answer.result() for answer in answers} == {b"yes"}
    assert names.asked == ["fifty.example"]


def test_a_failure_is_not_remembered(names: Names, server: LoopbackServer) -> None:
    """The next try asks again."""
    names.failures = 1
    assert fetch(server, "late.example") == b"yes"
    assert names.asked == ["late.example"] * 2


def test_the_next_address_is_tried(names: Names, server: LoopbackServer) -> None:
    """Where the first one answers nothing."""
    names.answers = ("127.9.9.9", "127.0.0.1")
    assert fetch(server, "two.example") == b"yes"


def test_an_answer_is_used_for_a_minute(names: Names) -> None:
    """Hosts move while a command goes on."""
    now = [0.0]
    addresses = HostAddresses(clock=lambda: now[0])
    for second, times in ((0.0, 1), (59.0, 1), (60.0, 2), (61.0, 2)):
        now[0] = second
        assert addresses.of("moves.example", 443) == ("127.0.0.1",)
        assert len(names.asked) == times
    assert addresses.of("moves.example", 80) == ("127.0.0.1",)
    assert len(names.asked) == 3
