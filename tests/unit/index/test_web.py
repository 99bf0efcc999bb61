"""What of HTTP is decided without a network: proxies, and files read in ranges."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest

from envbuild.index.proxies import proxies_of, proxy_for
from envbuild.index.remote_file import RangesUnsupportedError, RemoteFile

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import IO

    from envbuild.index.reply import Reply


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.example/x", {}, None),
        ("https://a.example/x", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/x", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://a.example/x", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://a.example/x", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("http://a.example/x", {"http_proxy": "http://p:1", "NO_PROXY": "example"}, None),
        ("http://a.example:8/x", {"http_proxy": "http://p:1", "no_proxy": "a.example:8"}, None),
        ("http://a.example/x", {"http_proxy": "http://p:1", "no_proxy": "*"}, None),
        ("http://a.example/x", {"http_proxy": "http://p:1", "no_proxy": "b"}, "http://p:1"),
    ],
)
def test_proxies_are_those_of_the_environment(
    url: str, environ: Mapping[str, str], proxy: str | None
) -> None:
    """Where a company lets nothing out but through a proxy, indexes are asked through it."""
    assert proxy_for(url, proxies_of(environ)) == proxy


class Server:
    """A server of one file: as able as a test says, counting what it was asked."""

    def __init__(self, content: bytes, *, suffix: bool = True, ranges: bool = True) -> None:
        self.content = content
        self.suffix = suffix
        self.ranges = ranges
        self.asked: list[str] = []

    @contextmanager
    def ask(self, span: str) -> Generator[Reply]:
        """Answer a `Range` header."""
        self.asked.append(span)
        first, last = span.removeprefix("bytes=").split("-")
        size = len(self.content)
        if not self.ranges or (not first and not self.suffix):
            headers = {"Content-Length": str(size)}
            if self.ranges:
                headers["Accept-Ranges"] = "bytes"
            yield cast("Reply", FakeReply(200, headers, self.content))
            return
        start, end = (int(first), int(last)) if first else (max(0, size - int(last)), size - 1)
        headers = {"Content-Range": f"bytes {start}-{end}/{size}"}
        yield cast("Reply", FakeReply(206, headers, self.content[start : end + 1]))


class FakeReply:
    """As much of a Reply as reading in ranges needs."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.length = int(headers["Content-Length"]) if "Content-Length" in headers else None
        self._body = body

    def read(self, limit: int) -> bytes:
        """The body, within the limit."""
        assert len(self._body) <= limit
        return self._body


def zipped(files: int, *, filler: int = 0) -> bytes:
    """An archive with many members, its METADATA first so that the tail does not hold it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        target.writestr("METADATA", b"the metadata")
        target.writestr("filler", bytes(filler))
        for number in range(files):
            target.writestr(f"a/long/name/{number:0100}", b"")
    return stream.getvalue()


def read_metadata(server: Server) -> bytes:
    """Read one member, as reading a wheel does."""
    with RemoteFile(server.ask) as remote, zipfile.ZipFile(cast("IO[bytes]", remote)) as archive:
        assert remote.size == len(server.content)
        return archive.read("METADATA")


@pytest.mark.parametrize(
    ("files", "filler", "requests"),
    [(10, 0, 1), (10, 1 << 20, 2), (1000, 0, 3), (1000, 1 << 20, 3)],
)
@pytest.mark.parametrize("suffix", [True, False])
def test_few_requests_read_a_member(files: int, filler: int, requests: int, suffix: bool) -> None:
    """A small archive takes one request, a large one three; one more where `-n` is not known."""
    server = Server(zipped(files, filler=filler), suffix=suffix)
    assert read_metadata(server) == b"the metadata"
    assert len(server.asked) <= requests + (not suffix)


def test_a_server_without_ranges_gives_small_files_whole() -> None:
    """What comes in one piece anyway is used."""
    server = Server(zipped(10), ranges=False)
    assert read_metadata(server) == b"the metadata"
    assert len(server.asked) == 1


def test_a_server_without_ranges_is_recognised_at_once() -> None:
    """A large file is not downloaded by accident."""
    server = Server(zipped(10, filler=1 << 20), ranges=False)
    with pytest.raises(RangesUnsupportedError):
        RemoteFile(server.ask)
    assert len(server.asked) == 1


def test_reading_beyond_the_end_gives_nothing() -> None:
    """It is a file like any other: reads end where it ends, and seeks do not go before its start."""
    with RemoteFile(Server(b"0123456789").ask) as remote:
        assert remote.seek(-3, 2) == 7
        assert remote.read() == b"789"
        assert remote.read(5) == b""
        assert remote.tell() == 10
        assert remote.seek(20) == 20
        assert remote.read(1) == b""
        with pytest.raises(OSError, match="before the start"):
            remote.seek(-1)
