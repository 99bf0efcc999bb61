"""An index, or what stands between it and the host, that answers slowly, without end, or with a lead elsewhere.

The attacker runs the index, or can change what it says on its way; he wants a command that never ends,
that eats the host's memory or disk, that opens files of the host, or that believes what came unprotected.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import IndexFailureError, Problem
from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.locations import IndexLocation
from envbuild.index.page import IndexFile
from envbuild.index.reader import IndexClient
from envbuild.index.redirects import check_descent, next_url
from envbuild.index.web_faults import WebError
from envbuild.masking import masked
from envbuild.value import replace
from envbuild.wheelcache.metadata import find_metadata
from tests.support.command_line import declare_drivers
from tests.support.evil_index import MIB, Drip, EvilIndex, Flood, evil, head
from tests.support.http import Handler, LoopbackServer
from tests.support.proxies import SocksProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command_line import CommandLine

__all__ = ["evil"]


class Handshake(Handler):
    """A connection that begins to shake hands for TLS."""

    def handle(self) -> None:
        """Promise a record of 16 KiB, and send it byte by byte."""
        self.wfile.write(b"\x16\x03\x03\x3f\xff")
        while not self.server.stopping.wait(0.05):
            self.wfile.write(b"\0")


DRIPS = {
    "status": Drip(begin=b"HTTP/1.1 200 O", piece=b"K"),
    "headers": Drip(begin=b"HTTP/1.1 200 OK\r\nX: ", piece=b"x"),
    "body": Drip(begin=head("Content-Length: 1000000")),
    "endless body": Drip(begin=head()),
    "chunks": Drip(begin=head("Transfer-Encoding: chunked"), piece=b"1\r\n \r\n"),
    "chunk size": Drip(begin=head("Transfer-Encoding: chunked"), piece=b"0"),
    "gzip": Drip(begin=head("Content-Encoding: gzip") + gzip.compress(b"x")[:10], piece=b"\0"),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS.keys())
def test_an_answer_that_drips_is_given_up_as_a_whole(evil: EvilIndex, drip: Drip) -> None:
    """He is never silent and never done: the answer's deadline ends it, wherever it drips."""
    evil.answer = drip
    with (
        IndexClient({}, read_timeout=30, deadline=0.8) as client,
        pytest.raises(IndexAnswerError) as caught,
    ):
        client.project_page(evil.location, "acme")
    assert caught.value.answer.fault is Fault.TIMED_OUT
    assert "was not complete after 0.8 s" in str(caught.value)


def test_an_answer_that_drips_through_socks(evil: EvilIndex) -> None:
    """The deadline cuts a connection through a SOCKS proxy too."""
    evil.answer = DRIPS["body"]
    with SocksProxy() as proxy:
        environ = {"ALL_PROXY": f"socks5h://127.0.0.1:{proxy.port}"}
        with (
            IndexClient(environ, read_timeout=30, deadline=0.8) as client,
            pytest.raises(IndexAnswerError) as caught,
        ):
            client.project_page(evil.location, "acme")
        assert proxy.seen
    assert caught.value.answer.fault is Fault.TIMED_OUT


def test_a_handshake_that_drips() -> None:
    """He stands before TLS, whose handshake he never ends."""
    with LoopbackServer(Handshake) as server, IndexClient({}, deadline=0.8) as client:
        place = IndexLocation(name="default", url=server.origin.replace("http", "https"))
        with pytest.raises(IndexAnswerError) as caught:
            client.project_page(place, "acme")
    assert caught.value.answer.fault is Fault.TIMED_OUT


BOMB = gzip.compress(b" " * (100 * MIB))
FLOODS = {
    "said": Flood(begin=head(f"Content-Length: {200 * MIB}"), times=200),
    "unsaid": Flood(begin=head()),
    "chunked": Flood(
        begin=head("Transfer-Encoding: chunked"), piece=b"100000\r\n" + b" " * MIB + b"\r\n"
    ),
    "bomb": Flood(
        begin=head("Content-Encoding: gzip", f"Content-Length: {len(BOMB)}"), piece=BOMB, times=1
    ),
    "double bomb": Flood(
        begin=head("Content-Encoding: gzip, gzip"), piece=gzip.compress(BOMB), times=1
    ),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_page_without_end_is_refused(evil: EvilIndex, flood: Flood) -> None:
    """He sends more than any page has, plainly or compressed: it is refused, and little of it was read."""
    evil.answer = flood
    with IndexClient({}, read_timeout=30) as client, pytest.raises(IndexAnswerError) as caught:
        client.project_page(evil.location, "acme")
    assert caught.value.answer.fault is Fault.GARBAGE
    assert "it is longer than 32 MiB" in str(caught.value)
    assert evil.sent < 60 * MIB


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip, gzip, gzip, gzip, gzip, gzip"])
def test_a_compression_that_nobody_asked_for(evil: EvilIndex, encoding: str) -> None:
    """He names one that is not known here, or many on top of each other: it is no page."""
    evil.answer = Flood(begin=head(f"Content-Encoding: {encoding}"), piece=BOMB, times=1)
    with IndexClient({}, read_timeout=30) as client, pytest.raises(IndexAnswerError) as caught:
        client.project_page(evil.location, "acme")
    assert caught.value.answer.fault is Fault.GARBAGE


def test_metadata_without_end(evil: EvilIndex) -> None:
    """He sends METADATA that never ends."""
    evil.answer = Flood(begin=head())
    file = IndexFile(filename="acme-1-py3-none-any.whl", url=f"{evil.origin}/a.whl")
    with (
        IndexClient({}, read_timeout=30) as client,
        pytest.raises(IndexAnswerError, match="longer than 16 MiB"),
    ):
        client.metadata_beside(evil.location, "acme", file)
    assert evil.sent < 40 * MIB


def test_a_file_that_is_longer_than_its_page_says(evil: EvilIndex) -> None:
    """He sends a wheel without end: no more of it is read than its size."""
    evil.answer = Flood(begin=head())
    file = IndexFile(filename="acme-1-py3-none-any.whl", url=f"{evil.origin}/a.whl", size=1000)
    sink = io.BytesIO()
    with (
        IndexClient({}, read_timeout=30) as client,
        pytest.raises(IndexAnswerError, match="longer than 1000 bytes"),
    ):
        client.download(evil.location, "acme", file, sink)
    assert len(sink.getvalue()) < MIB


@pytest.mark.parametrize("name", ["Content-Length", "Content-Range"])
def test_a_length_of_thousands_of_digits(evil: EvilIndex, name: str) -> None:
    """He writes it into a header: the size is not known, and that is no bug."""
    evil.answer = Flood(begin=head(f"{name}: {'9' * 5000}"), times=0)
    file = IndexFile(filename="acme-1-py3-none-any.whl", url=f"{evil.origin}/a.whl")
    with IndexClient({}, read_timeout=30) as client:
        assert client.file_size(evil.location, "acme", file) is None


@pytest.mark.parametrize("target", ["http://[", "http://host:99999999/", "file:///etc/passwd"])
@pytest.mark.parametrize("way", ["redirect", "link"])
def test_an_address_that_is_none(evil: EvilIndex, way: str, target: str) -> None:
    """He leads to a broken address or to a file of the host: nothing is opened, and that is no bug."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n"
    evil.answer = Flood(begin=answer.encode(), times=0)
    file = IndexFile(filename="acme-1-py3-none-any.whl", url=target)
    with IndexClient({}, read_timeout=30) as client:
        asks: dict[str, Callable[[], object]] = {
            "redirect": lambda: client.project_page(evil.location, "acme"),
            "link": lambda: client.download(evil.location, "acme", file),
        }
        with pytest.raises(IndexAnswerError) as caught:
            asks[way]()
    assert caught.value.answer.fault is Fault.GARBAGE
    assert "passwd" not in str(caught.value)


DESCENTS = [
    ("https://host/a/", "http://host/a/"),
    ("https://host/a/", "http://other/a/"),
    ("https://host/a/", "https://host:8443/a/"),
    ("https://host:8443/a/", "https://host:9443/a/"),
]


@pytest.mark.parametrize(("url", "target"), DESCENTS)
def test_https_leads_to_nothing_less(url: str, target: str) -> None:
    """He has a redirect or a link lead from https to http, or to a port that anybody may have opened."""
    for look in (
        lambda: next_url(url, target, stays=False, verified=False),
        lambda: check_descent(url, target),
    ):
        with pytest.raises(WebError) as caught:
            look()
        assert caught.value.fault is Fault.UNSAFE
    assert next_url(url, target, stays=False, verified=True) == target


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://host/a", "/a/"),
        ("https://host/a/", "https://files.host/a/"),
        ("https://host:8443/a/", "https://host/a/"),
        ("https://host:8443/a/", "https://files.host:8443/a/"),
        ("http://host/a/", "https://host/a/"),
        ("http://host:8000/a/", "http://host:9000/a/"),
    ],
)
def test_what_is_no_less_is_followed(url: str, target: str) -> None:
    """Redirects within https, up to it, and within http go on working."""
    assert next_url(url, target, stays=False, verified=False).endswith("/a/")


def test_a_link_to_http_on_a_page_of_https_is_not_opened(evil: EvilIndex) -> None:
    """He changed a link on its way to the page; a file without a known digest is not fetched there."""
    evil.answer = Flood(begin=head(), piece=b"x", times=1)
    place = IndexLocation(name="default", url="https://mirror.example/simple")
    file = IndexFile(filename="acme-1-py3-none-any.whl", url=f"{evil.origin}/a.whl")
    with IndexClient({}, read_timeout=30) as client:
        for ask in (client.download, client.metadata_beside, client.file_size):
            with pytest.raises(IndexAnswerError, match="redirects from https to http") as caught:
                ask(place, "acme", file)
            assert caught.value.answer.fault is Fault.UNSAFE
        assert not evil.requests
        known = IndexFile(
            filename=file.filename, url=file.url, sha256=hashlib.sha256(b"x").hexdigest()
        )
        client.download(place, "acme", known)


def test_a_bound_page_stays_at_its_port(evil: EvilIndex) -> None:
    """He opened another port of the index's host, and has the page of a bound package lead there."""
    with pytest.raises(WebError) as caught:
        next_url("http://host:8000/a/", "http://host:9000/a/", stays=True, verified=False)
    assert caught.value.fault is Fault.LED_AWAY


SIGNED = (
    "https://files.example/a.whl?sig=S3CRET&se=2026",
    "https://bucket.example/a.whl?X-Amz-Credential=S3CRET&X-Amz-Signature=S3CRET",
    "https://me:S3CRET@mirror.example/simple/",
    "https://S3CRET@mirror.example/a?token=S3CRET#sha256=1",
    "git+https://S3CRET:x@git.example/a.git",
)


@pytest.mark.parametrize("url", SIGNED)
@pytest.mark.parametrize("field", ["message", "detail", "hint"])
def test_what_signs_an_address_is_never_shown(field: str, url: str) -> None:
    """Who reads a log wants what gave somebody access: uv's words and ours keep the place and nothing more."""
    words = f"cannot read `{url}` (404), then {url}"
    problem = IndexFailureError(replace(Problem(message="it failed"), **{field: words}))
    assert "S3CRET" not in str(problem)
    assert "S3CRET" not in repr(problem.problems)
    assert str(problem).count("example/") == 2


def test_masking_leaves_other_words_alone() -> None:
    """Addresses without credentials stay, so that people know which one was meant."""
    for text in ("see https://host.example/a/b#c, or me@host", "a?b=c", "what? https://host/?"):
        assert masked(text) == text


def test_a_list_of_files_without_end() -> None:
    """He publishes a wheel whose list of files is 100 MiB long: it is not read."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("acme-1.dist-info/METADATA", "Name: acme\n")
    raw = bytearray(content.getvalue())
    end = raw.rfind(b"PK\5\6")
    struct.pack_into("<I", raw, end + 12, 100 * MIB)
    padded = io.BytesIO(b"\0" * (100 * MIB) + bytes(raw))
    with pytest.raises(ValueError, match="list of files"):
        find_metadata(padded, "acme")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Flood(begin=head(), times=4000), "it is longer than 32 MiB"),
        (Drip(begin=head("Content-Length: 1000000")), "was not complete after 0.8 s"),
    ],
    ids=["flood", "drip"],
)
def test_the_default_index_is_bounded_too(
    run_envbuild: CommandLine,
    python_version: str,
    evil: EvilIndex,
    answer: Drip | Flood,
    said: str,
) -> None:
    """He runs the index that uv itself asks: uv gets no more memory and time than one answer is worth."""
    evil.answer = answer
    text = declare_drivers({"app": ["acme"]}, python=python_version)
    (run_envbuild.cwd / "drivers.toml").write_text(text)
    env = {"ENVBUILD_INDEX_DEFAULT_URL": evil.location.url, "ENVBUILD_HTTP_DEADLINE": "0.8"}
    if isinstance(answer, Flood):
        env["ENVBUILD_HTTP_DEADLINE"] = "60"
    result = run_envbuild("lock", env=env)
    assert result.code == 4, result
    assert said in result.stderr
    assert "127.0.0.1" in result.stderr
    assert evil.sent < 3000 * MIB
