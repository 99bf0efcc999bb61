"""A big download that breaks off goes on where it was, or ends in right words."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.locations import IndexLocation
from envbuild.index.page import IndexFile
from envbuild.index.reader import IndexClient
from tests.support.http import Handler, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
CONTENT = os.urandom(3 * MIB)
OTHER = os.urandom(3 * MIB)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "acme-1.0-py3-none-any.whl"
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one request gets."""

    cut: int | None = None
    """Bytes of the body after which the connection breaks off."""

    etag: str | None = '"one"'
    modified: str | None = None
    content: bytes = CONTENT
    ranges: bool = True
    """Whether a range is given, where its `If-Range` fits."""

    status: int | None = None
    """A bad status instead."""

    shift: int = 0
    """Bytes by which a range begins elsewhere than asked."""

    encoding: str | None = None
    """What encoding the body is said to have."""

    sized: bool = True
    """Whether the length is said."""

    silent: bool = False
    """Whether the connection falls silent instead of breaking off."""


@dataclass(kw_only=True, slots=True)
class Script:
    """The answers in order; the last one stays."""

    answers: list[Answer] = field(default_factory=lambda: [Answer()])

    def next(self) -> Answer:
        """The answer to this request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Big(Handler):
    """One connection."""

    server: BigFile

    def respond(self) -> None:
        """Give the file, or a part of it, or part of that."""
        answer = self.server.script.next()
        if answer.status is not None:
            self.answer(answer.status, b"no\n")
            return
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        fits = self.headers.get("If-Range") in (None, answer.etag, answer.modified)
        start = int(wanted[1]) + answer.shift if wanted and answer.ranges and fits else 0
        self.note(206 if start else 200)
        self.send_response(206 if start else 200)
        if answer.etag:
            self.send_header("ETag", answer.etag)
        if answer.encoding:
            self.send_header("Content-Encoding", answer.encoding)
        if answer.modified:
            self.send_header("Last-Modified", answer.modified)
        body, total = answer.content[start:], len(answer.content)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if answer.sized:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = body[: answer.cut]
        self.wfile.write(sent if answer.sized else b"%x\r\n%s\r\n" % (len(sent), sent))
        if answer.silent:
            self.server.stopping.wait(30)
        if answer.cut is not None:
            self.close_connection = True
        elif not answer.sized:
            self.wfile.write(b"0\r\n\r\n")


class BigFile(LoopbackServer):
    """Serves one file, by a script."""

    def __init__(self) -> None:
        super().__init__(Big)
        self.script = Script()

    def play(self, *answers: Answer) -> None:
        """Give these answers."""
        self.script = Script(answers=list(answers))

    @property
    def spans(self) -> list[str | None]:
        """The `Range` of every request."""
        return [asked.headers.get("range") for asked in self.requests]


@pytest.fixture
def server() -> Iterator[BigFile]:
    """The server of one file."""
    with BigFile() as made:
        yield made


def download(
    server: BigFile, *, sha256: str | None = SHA256, retries: int = 2, deadline: float = 60
) -> bytes:
    """What a client gets; the digest is that of the page."""
    file = IndexFile(filename=NAME, url=f"{server.origin}/{NAME}", sha256=sha256)
    place = IndexLocation(name="own", url=f"{server.origin}/simple")
    with IndexClient({}, read_timeout=0.5, deadline=deadline, retries=retries) as client:
        sink = BytesIO()
        found, size = client.download(place, "acme", file, sink)
    assert (found, size) == (hashlib.sha256(sink.getvalue()).hexdigest(), len(sink.getvalue()))
    return sink.getvalue()


@pytest.mark.parametrize("sized", [True, False], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(
    "known",
    [
        Answer(),
        Answer(etag=None, modified="Wed, 01 Jul 2026 00:00:00 GMT"),
        Answer(etag='W/"weak"', modified="Wed, 01 Jul 2026 00:00:00 GMT"),
        Answer(etag=None),
    ],
    ids=["etag", "date", "weak etag and date", "neither"],
)
def test_it_goes_on_where_it_was(server: BigFile, known: Answer, sized: bool) -> None:
    """Only what is missing is asked for, of the same version of the file, and the digest is checked."""
    whole = replace(known, sized=sized)
    broken_off = replace(whole, cut=MIB)
    server.play(broken_off, broken_off, whole)
    assert download(server) == CONTENT
    first, second, third = server.spans
    assert first is None
    starts = [int((span or "")[len("bytes=") : -1]) for span in (second, third)]
    assert MIB // 2 < starts[0] <= MIB < starts[1] <= 2 * MIB
    version = known.etag if known.etag and known.etag.startswith('"') else known.modified
    assert [asked.headers.get("if-range") for asked in server.requests] == [None, version, version]


@pytest.mark.parametrize(
    "second",
    [
        Answer(ranges=False),
        Answer(etag='"another node"'),
        Answer(etag=None),
    ],
    ids=["no ranges", "another etag", "no etag"],
)
def test_a_whole_answer_is_taken_from_where_it_was(server: BigFile, second: Answer) -> None:
    """A server that gives all again is read again; with a digest it does not matter how it names its version."""
    server.play(Answer(cut=MIB), second)
    assert download(server) == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "second",
    [Answer(status=416), Answer(status=503), Answer(cut=0), Answer(status=429)],
    ids=["416", "503", "broken off at once", "429"],
)
def test_a_try_that_fails_is_followed_by_another(server: BigFile, second: Answer) -> None:
    """What may pass passes; what gives no range is asked for all."""
    server.play(Answer(cut=2 * MIB), second, Answer())
    assert download(server) == CONTENT
    assert len(server.requests) == 3


CHANGES = {
    "another file, known by its etag": (None, Answer(content=OTHER, etag='"two"')),
    "another length": (SHA256, Answer(content=OTHER[:MIB] + b"x", etag='"two"')),
    "no version any more": (None, Answer(etag=None)),
    "the same, encoded": (SHA256, Answer(encoding="gzip", sized=False)),
    "a part that begins elsewhere": (SHA256, Answer(shift=7)),
}


@pytest.mark.parametrize(("sha256", "second"), CHANGES.values(), ids=CHANGES.keys())
def test_another_file_is_not_put_behind_it(
    server: BigFile, sha256: str | None, second: Answer
) -> None:
    """Two halves of two files would be a file that nobody made."""
    server.play(Answer(cut=MIB), second)
    with pytest.raises(IndexAnswerError, match=f"serves a changed {NAME}: ") as caught:
        download(server, sha256=sha256)
    assert caught.value.answer.fault is Fault.CHANGED
    assert len(server.requests) == 2


def test_the_digest_is_of_the_whole(server: BigFile) -> None:
    """Another content under another version is noticed at the end."""
    server.play(Answer(cut=MIB), Answer(content=OTHER, etag='"two"'))
    with pytest.raises(IndexAnswerError, match="its page says sha256") as caught:
        download(server)
    assert caught.value.answer.fault is Fault.CHANGED


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_tries_are_bounded(server: BigFile, retries: int) -> None:
    """A server that gives a piece a time is left alone after as many tries as the user allows."""
    server.play(Answer(cut=MIB // 2))
    with pytest.raises(IndexAnswerError, match="stopped in the middle of") as caught:
        download(server, retries=retries)
    assert caught.value.answer.fault is Fault.TRUNCATED
    assert len(server.requests) == 1 + retries


def test_a_silent_connection_is_broken_off(server: BigFile) -> None:
    """A line that is dead says nothing: what is missing is asked for on another one."""
    server.play(Answer(cut=MIB, silent=True), Answer())
    assert download(server) == CONTENT
    assert len(server.requests) == 2


def test_the_time_for_the_whole_is_not_given_again(server: BigFile) -> None:
    """Once `$ENVBUILD_HTTP_DEADLINE` has passed, no further try begins."""
    server.play(Answer(cut=10, silent=True))
    with pytest.raises(IndexAnswerError, match=r"it was not complete after 0\.2 s"):
        download(server, deadline=0.2)
    assert len(server.requests) == 1


def test_what_nobody_vouches_for_is_not_continued(server: BigFile) -> None:
    """Without a digest and without a version there is no telling whether it is the same file."""
    server.play(Answer(cut=MIB, etag=None), Answer(etag=None))
    with pytest.raises(IndexAnswerError, match="stopped in the middle of"):
        download(server, sha256=None)
    assert len(server.requests) == 1


def test_megabytes_give_a_try_back(server: BigFile) -> None:
    """A file of gigabytes may break off more often than a small one: each 16 MiB count."""
    content = os.urandom(70 * MIB)
    server.play(*(Answer(cut=17 * MIB, content=content) for _ in range(4)), Answer(content=content))
    assert download(server, sha256=hashlib.sha256(content).hexdigest(), retries=1) == content
    assert len(server.requests) == 5
