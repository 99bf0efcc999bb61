"""Flat listings: files by package, asked once, whoever asks and however it ended."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.flat import FlatListings, package_of
from envbuild.index.locations import IndexLocation
from envbuild.index.page import IndexFile

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACE = IndexLocation(name="own", url="http://host.example/wheels", format="flat")
NAMES = ("torch-2.0-cp312-cp312-linux_x86_64.whl", "My_Tool-1.0-py3-none-any.whl", "notes.txt")
FILES = tuple(IndexFile(filename=name, url=f"http://host.example/{name}") for name in NAMES)


class Source:
    """Gives the files, and counts how often it was asked."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.fails = fails

    def read(self) -> Iterable[IndexFile]:
        """All files, after a while."""
        self.asked += 1
        time.sleep(0.01)
        if self.fails:
            answer = IndexAnswer(fault=Fault.TIMED_OUT, location=PLACE, package="torch")
            raise IndexAnswerError(answer)
        return FILES


def test_many_threads_ask_once() -> None:
    """Every package's files come from one reading of the page."""
    listings, source, found = FlatListings(), Source(), []

    def ask(package: str) -> None:
        found.append(listings.page(PLACE, package, source.read).files)

    threads = [
        threading.Thread(target=ask, args=(name,)) for name in ("torch", "my-tool") for _ in "1234"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert set(found) == {(FILES[0],), (FILES[1],)}
    assert source.asked == 1


def test_what_is_not_listed_is_an_answer() -> None:
    """A package without a file is not there."""
    with pytest.raises(IndexAnswerError) as caught:
        FlatListings().page(PLACE, "numpy", Source().read)
    assert caught.value.answer.fault is Fault.NOT_FOUND
    assert caught.value.answer.package == "numpy"


def test_a_page_that_failed_is_not_asked_again() -> None:
    """Hundreds of packages do not wait for a dead index one after the other; each error names its own."""
    listings, source = FlatListings(), Source(fails=True)
    for package in ("torch", "numpy"):
        with pytest.raises(IndexAnswerError) as caught:
            listings.page(PLACE, package, source.read)
        assert caught.value.answer.package == package
        assert caught.value.answer.fault is Fault.TIMED_OUT
    assert source.asked == 1


@pytest.mark.parametrize(
    ("filename", "package"),
    [
        ("My_Tool-1.0-py3-none-any.whl", "my-tool"),
        ("my.tool-1.0.tar.gz", "my-tool"),
        ("my-tool-1.0.zip", "my-tool"),
        ("my_tool-1.0-py3-none-any.whl.metadata", None),
        ("-1.0-py3-none-any.whl", None),
        ("tool.tar.gz", None),
        ("..", None),
        ("index.html", None),
    ],
)
def test_the_package_of_a_file(filename: str, package: str | None) -> None:
    """Its name says it, or it is no package's."""
    assert package_of(filename) == package
