"""Pages on disk are believed as long as their index says, and where it confirms them; never longer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.index import page_parser
from envbuild.index.page import IndexFile, ProjectPage
from envbuild.index.page_parser import page_of, parse_page
from envbuild.index.page_store import PageStore, lifetime
from envbuild.index.reader import IndexClient
from tests.support.http import Handler, LoopbackServer
from tests.support.indexes import locations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

URL = "https://packages.example.com/simple/acme/"
PAGE = page_of("acme", [IndexFile(filename="acme-1.0.tar.gz", url="https://x.example/f")])
SOURCE = "0" * 64


class Clock:
    """A time that a test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """What it is."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> PageStore:
    """An empty store."""
    return PageStore(tmp_path / "pages", clock=clock)


@pytest.mark.parametrize(
    ("seconds", "holds"), [(0, True), (599, True), (600, False), (-1, False)], ids=str
)
def test_a_page_holds_as_long_as_its_index_says(
    store: PageStore, clock: Clock, seconds: int, holds: bool
) -> None:
    """And never where the clock has gone back, as nobody knows for how long."""
    store.put(URL, PAGE, {"Cache-Control": "max-age=600"}, SOURCE)
    clock.now += seconds
    stored = store.get(URL)
    assert stored is not None
    assert (store.page(URL, stored), stored.holds) == (PAGE, holds)


def test_what_an_index_forbids_to_keep_is_not_kept(store: PageStore) -> None:
    """It may have reasons, such as who asked."""
    store.put(URL, PAGE, {"Cache-Control": "no-store", "ETag": '"1"'}, SOURCE)
    assert store.get(URL) is None


@pytest.mark.parametrize("headers", [{}, {"Cache-Control": "max-age=0"}], ids=str)
def test_a_page_of_which_nothing_is_said_is_asked_for_again(
    store: PageStore, headers: Mapping[str, str]
) -> None:
    """It is kept, as its index may send the same again, which then need not be parsed."""
    store.put(URL, PAGE, headers, SOURCE)
    stored = store.get(URL)
    assert stored is not None
    assert (stored.holds, stored.conditions, stored.source) == (False, (), SOURCE)


def test_what_is_confirmed_holds_again(store: PageStore, clock: Clock, tmp_path: Path) -> None:
    """For as long as the index says now; what it does not say again stays, and the text is not written again."""
    store.put(URL, PAGE, {"Cache-Control": "max-age=600", "ETag": '"1"'}, SOURCE)
    clock.now += 700
    stored = store.get(URL)
    assert stored is not None
    assert not stored.holds
    text = next((tmp_path / "pages").glob("*.page"))
    written = text.stat().st_ino
    store.renew(URL, stored, {"Cache-Control": "max-age=60"})
    assert text.stat().st_ino == written
    renewed = store.get(URL)
    assert renewed is not None
    assert renewed.holds
    assert (renewed.digest, renewed.conditions) == (PAGE.digest, stored.conditions)
    assert (store.page(URL, renewed), renewed.source) == (PAGE, SOURCE)


def kept_page(store: PageStore) -> ProjectPage | None:
    """The page at the address, if it is kept whole."""
    stored = store.get(URL)
    return store.page(URL, stored) if stored is not None else None


def test_a_damaged_file_is_no_page(store: PageStore, tmp_path: Path) -> None:
    """After a loss of power a file may hold anything: it is asked for again."""
    store.put(URL, PAGE, {"ETag": '"1"'}, SOURCE)
    known, text = sorted((tmp_path / "pages").iterdir())
    assert text.suffix == ".page"
    for file in (known, text):
        assert file.stat().st_mode & 0o777 == 0o600
        whole = file.read_bytes()
        for damaged in (b"", whole[:-1], whole.replace(b"acme", b"bcme"), b"[]", b"{}", b"\xff"):
            file.write_bytes(damaged)
            assert kept_page(store) is None
        file.unlink()
        assert kept_page(store) is None
        file.write_bytes(whole)
        assert kept_page(store) == PAGE
    assert store.get(URL + "x") is None


def test_what_nobody_asked_for_in_a_month_goes(
    store: PageStore, clock: Clock, tmp_path: Path
) -> None:
    """The folder does not grow for ever."""
    clock.now = time.time()
    store.put(URL, PAGE, {"ETag": '"1"'}, SOURCE)
    later = PageStore(tmp_path / "pages", clock=lambda: time.time() + 40 * 24 * 3600)
    later.put(URL + "x", PAGE, {"ETag": '"1"'}, SOURCE)
    assert store.get(URL) is None


class Confirming(Handler):
    """An index with one page, which it confirms to who has it."""

    server: ConfirmingIndex

    def respond(self) -> None:
        """Say that it is the page still, or give it."""
        name, condition = self.server.validator
        headers: dict[str, Any] = {name.replace("-", "_"): self.server.mark}
        if self.headers.get(condition) == self.server.mark:
            self.answer(304, **headers)
        else:
            body = f'<html><a href="acme-{self.server.version}.tar.gz">acme</a></html>'
            self.answer(200, body.encode(), Content_Type="text/html", **headers)


class ConfirmingIndex(LoopbackServer):
    """Holds one page."""

    validator = ("ETag", "If-None-Match")
    mark = '"1"'
    version = "1.0"


@pytest.fixture
def confirming() -> Iterator[ConfirmingIndex]:
    """An index that knows its page again."""
    with ConfirmingIndex(Confirming) as server:
        yield server


@pytest.mark.parametrize(
    ("validator", "marks"),
    [
        (("ETag", "If-None-Match"), ('"1"', '"2"')),
        (
            ("Last-Modified", "If-Modified-Since"),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 02 Jan 2026 00:00:00 GMT"),
        ),
    ],
    ids=["etag", "date"],
)
def test_each_command_asks_whether_it_is_the_page_still(
    confirming: ConfirmingIndex, tmp_path: Path, validator: tuple[str, str], marks: tuple[str, str]
) -> None:
    """A page without a time to hold is sent once, confirmed by every later command, and sent again when it changes."""
    confirming.validator, confirming.mark = validator, marks[0]
    place = locations(f"{confirming.origin}/simple").default

    def look() -> list[str]:
        with IndexClient({}, store=PageStore(tmp_path / "pages")) as client:
            files = client.project_page(place, "acme").files
            assert client.project_page(place, "acme").files == files
        return [file.filename for file in files]

    assert look() == look() == ["acme-1.0.tar.gz"]
    confirming.version, confirming.mark = "2.0", marks[1]
    assert look() == ["acme-2.0.tar.gz"]
    assert [asked.status for asked in confirming.requests] == [200, 304, 200]


def test_a_damaged_text_is_sent_again_whatever_its_index_confirms(
    confirming: ConfirmingIndex, tmp_path: Path
) -> None:
    """Its digest is known without the text; who looks into the page gets it whole."""
    place = locations(f"{confirming.origin}/simple").default
    with IndexClient({}, store=PageStore(tmp_path / "pages")) as client:
        page = client.project_page(place, "acme")
    next((tmp_path / "pages").glob("*.page")).write_bytes(b"damaged")
    for statuses in ([200, 304, 200], [200, 304, 200, 304]):
        with IndexClient({}, store=PageStore(tmp_path / "pages")) as client:
            assert client.page_digest(place, "acme") == page.digest
            assert client.project_page(place, "acme") == page
        assert [asked.status for asked in confirming.requests] == statuses


def test_a_page_that_is_sent_again_is_not_parsed_again(
    confirming: ConfirmingIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that cannot confirm its pages costs their transfer alone; another address is another page."""
    confirming.validator = ("X-Nothing", "X-Nothing")
    parsed: list[str] = []

    def parse(name: str, text: str, kind: str, url: str) -> ProjectPage:
        parsed.append(url)
        return parse_page(name, text, kind, url)

    monkeypatch.setattr(page_parser, "parse_page", parse)

    def look(folder: str) -> list[str]:
        place = locations(f"{confirming.origin}/{folder}").default
        with IndexClient({}, store=PageStore(tmp_path / "pages")) as client:
            return [file.filename for file in client.project_page(place, "acme").files]

    assert look("simple") == look("simple") == ["acme-1.0.tar.gz"]
    assert len(parsed) == 1
    confirming.version = "2.0"
    assert look("simple") == ["acme-2.0.tar.gz"]
    assert look("other") == ["acme-2.0.tar.gz"]
    assert len(parsed) == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"Cache-Control": "max-age=600"}, 600.0),
        ({"Cache-Control": "Public, Max-Age=600"}, 600.0),
        ({"Cache-Control": "max-age=600", "Age": "100"}, 500.0),
        ({"Cache-Control": "max-age=600", "Age": "700"}, 0.0),
        ({"Cache-Control": "max-age=600", "Age": "x"}, 0.0),
        ({"Cache-Control": "s-maxage=600"}, 0.0),
        ({"Cache-Control": "no-cache, max-age=600"}, 0.0),
        ({"Cache-Control": "no-store,max-age=600"}, 0.0),
    ],
)
def test_how_long_an_answer_holds(headers: dict[str, str], seconds: float) -> None:
    """As RFC 9111 has it for a cache of one user."""
    assert lifetime(headers) == seconds
