"""Each injected fault is seen by a client as what it is called."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.fault_proxy import (
    Change,
    Fault,
    FaultProxy,
    Hang,
    Redirect,
    Reset,
    Status,
    Trickle,
    Truncate,
)
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

THING = Wheel(name="thing")
FILE = f"/files/{THING.filename}"


@pytest.fixture(autouse=True)
def filled(index: IndexServer) -> None:
    """The index behind the proxy has one wheel."""
    index.add(THING)


def get(proxy: FaultProxy, path: str = FILE, timeout: float = 10) -> tuple[int, bytes]:
    """Status and body of one request, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_passes_on_what_no_fault_strikes(faults: FaultProxy, index: IndexServer) -> None:
    """The index is the same through the proxy."""
    faults.inject("other", Status(code=500))
    assert get(faults) == (200, THING.to_bytes())
    assert get(faults, "/simple/thing/")[0] == 200
    assert get(faults, "/simple/none/")[0] == 404
    assert len(index.requests) == faults.count() == 3


@pytest.mark.parametrize("code", [401, 403, 404, 500, 503])
def test_status(faults: FaultProxy, index: IndexServer, code: int) -> None:
    """The index is not even asked."""
    faults.inject("", Status(code=code))
    assert get(faults)[0] == code
    assert not index.requests


def test_hang_then_nothing(faults: FaultProxy) -> None:
    """Connected, and not a word until the time is over."""
    faults.inject("", Hang(seconds=0.2))
    with pytest.raises(http.client.RemoteDisconnected):
        get(faults)
    faults.inject("", Hang())
    with pytest.raises(TimeoutError):
        get(faults, timeout=0.2)


def test_trickle_is_slow_and_whole(faults: FaultProxy) -> None:
    """Everything comes, piece by piece."""
    faults.inject("", Trickle(pause=0.01, piece=100))
    begun = time.monotonic()
    assert get(faults) == (200, THING.to_bytes())
    assert time.monotonic() - begun > 0.01 * (len(THING.to_bytes()) // 100)


def test_truncated_body(faults: FaultProxy) -> None:
    """The promised length does not come."""
    faults.inject("", Truncate(after=10))
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(faults)
    assert len(caught.value.partial) == 10


@pytest.mark.parametrize("after", [None, 10])
def test_reset_connection(faults: FaultProxy, after: int | None) -> None:
    """The other side is gone, with an RST rather than an end."""
    faults.inject("", Reset(after=after))
    with pytest.raises(ConnectionResetError) as caught:
        get(faults)
    assert type(caught.value) is ConnectionResetError


def test_changed_byte(faults: FaultProxy) -> None:
    """One byte differs, the length does not."""
    faults.inject("", Change())
    body, real = get(faults)[1], THING.to_bytes()
    assert len(body) == len(real)
    assert sum(a != b for a, b in zip(body, real, strict=True)) == 1


def test_redirect_loop(faults: FaultProxy) -> None:
    """The answer leads back to itself."""
    faults.inject("", Redirect())
    assert get(faults) == (302, b"")


def test_fault_for_the_first_requests_only(faults: FaultProxy) -> None:
    """A client that tries again can be tested; what was struck is counted."""
    injected = faults.inject("", Status(code=503), times=2)
    assert [get(faults)[0] for _ in range(3)] == [503, 503, 200]
    assert injected.hits == 2


def test_newest_fault_goes_first(faults: FaultProxy) -> None:
    """A test can change its mind, and take everything back."""
    kinds: list[Fault] = [Status(code=500), Status(code=403)]
    for fault in kinds:
        faults.inject("", fault)
    assert get(faults)[0] == 403
    faults.clear()
    assert get(faults)[0] == 200
