"""Pages are asked for as their index wants it, and read only where they changed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.locations import locate_indexes
from envbuild.index.mirrors import Mirrors
from envbuild.index.page import JSON
from envbuild.index.page_memory import PageMemory
from envbuild.index.revalidation import Revalidation
from envbuild.resolution.resolution import LockedChoice
from tests.support.values import LINUX, make_declaration, make_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.index.web import Reply

FILE = make_file("app")
CHOICE = LockedChoice(
    package="app",
    version="1.0",
    file=FILE.name,
    sha256=FILE.sha256,
    target=LINUX,
    index="default",
)


class Answer:
    """As much of a reply as is looked at."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers


class Index:
    """A client of an index with one page, and a clock."""

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self.mirrors = Mirrors()
        self.now = 1000.0
        self.headers = {"Content-Type": JSON}
        self.sha256 = CHOICE.sha256
        self.fails = False
        self.known: list[str | None] = []
        """The ETag that each request named."""

    @contextmanager
    def open_page(
        self, location: IndexLocation, package: str, *, known: str | None = None
    ) -> Iterator[Callable[[], tuple[Reply, bytes]]]:
        """The page, or 304."""
        self.known.append(known)
        if self.fails:
            raise IndexAnswerError(
                IndexAnswer(fault=Fault.UNREACHABLE, location=location, package=package)
            )
        if known is not None and known == self.headers.get("ETag"):
            yield lambda: (cast("Reply", Answer(304, {**self.headers})), b"")
            return
        entry = {"filename": CHOICE.file, "url": "x", "hashes": {"sha256": self.sha256}}
        body = json.dumps({"files": [entry]}).encode()
        yield lambda: (cast("Reply", Answer(200, {**self.headers})), body)

    def stands(self) -> bool:
        """Whether the choice stands, by a new look with what the last one left behind."""
        looker = Revalidation(
            _locations(), cast("IndexClient", self), PageMemory(self.memory), clock=lambda: self.now
        )
        return looker.revalidate([CHOICE]) == {CHOICE}


def _locations() -> IndexLocations:
    where = {"ENVBUILD_INDEX_DEFAULT_URL": "https://packages.example.com/simple"}
    return locate_indexes(make_declaration(), where, lambda: "")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """An index that says nothing of how long its page holds."""
    return Index(tmp_path / "pages.json")


def test_a_page_that_says_nothing_is_asked_every_time(index: Index) -> None:
    """Without a word of the server no answer is believed to hold."""
    assert index.stands()
    assert index.stands()
    assert index.known == [None, None]


def test_a_page_is_not_asked_while_it_holds(index: Index) -> None:
    """The server said for how long; after that it is asked again."""
    index.headers["Cache-Control"] = "public, max-age=600"
    assert index.stands()
    index.now += 599
    assert index.stands()
    assert len(index.known) == 1
    index.now += 2
    assert index.stands()
    assert len(index.known) == 2


def test_a_clock_that_went_back_proves_nothing(index: Index) -> None:
    """An answer of the future is asked for again."""
    index.headers["Cache-Control"] = "max-age=600"
    assert index.stands()
    index.now -= 1
    assert index.stands()
    assert len(index.known) == 2


def test_a_page_that_is_known_is_asked_for_by_its_etag(index: Index) -> None:
    """304 is enough where the page was read before."""
    index.headers["ETag"] = '"1"'
    assert index.stands()
    assert index.stands()
    assert index.known == [None, '"1"']


def test_a_page_that_changed_counts_as_it_is_now(index: Index) -> None:
    """What stood on yesterday's page does not stand because of that."""
    assert index.stands()
    index.sha256 = "0" * 64
    assert not index.stands()
    index.sha256 = CHOICE.sha256
    assert index.stands()


def test_an_index_that_fails_lets_nothing_stand(index: Index) -> None:
    """Whatever stood before: who cannot ask does not know."""
    assert index.stands()
    index.fails = True
    assert not index.stands()


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1, "pages": {"x": 1}}', "{"])
def test_a_damaged_memory_is_an_empty_one(index: Index, content: str) -> None:
    """Losing it costs time and nothing else."""
    index.memory.write_text(content.replace("x", "https://packages.example.com/simple/app/"))
    assert index.stands()
    assert index.known == [None]
