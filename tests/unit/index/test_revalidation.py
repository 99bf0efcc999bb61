"""A locked file counts as listed where a resolution would choose it again, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from envbuild.index import confirmed_choices
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.confirmed_choices import ConfirmedChoices
from envbuild.index.page import IndexFile, ProjectPage
from envbuild.index.page_parser import page_of
from envbuild.index.places import locate_indexes
from envbuild.index.revalidation import revalidate
from envbuild.resolution.resolution import LockedChoice
from envbuild.value import replace
from tests.support.values import LINUX, make_declaration

if TYPE_CHECKING:
    from envbuild.index.locations import IndexLocation
    from envbuild.index.reader import IndexClient

LISTED = IndexFile(
    filename="app-1.0-py3-none-any.whl", url="https://packages.example.com/a.whl", sha256="a" * 64
)
CHOICE = LockedChoice(
    package="app",
    version="1.0",
    file=LISTED.filename,
    sha256="a" * 64,
    target=LINUX,
    index="default",
)


class Index:
    """A client of an index with one page."""

    def __init__(self, *files: IndexFile) -> None:
        self.page = page_of("app", files)
        self.asked: list[str] = []
        self.read = 0
        self.holds = False
        """Whether its page is kept and fresh, so that nobody has to ask."""

        self.confirmed = ConfirmedChoices(Path("/nonexistent/confirmed"))

    def held_digest(self, location: IndexLocation, package: str) -> str | None:
        """As `page_digest` of a page that is fresh; the index is not asked."""
        return self.page.digest if self.holds and package == self.page.name else None

    def page_digest(self, location: IndexLocation, package: str) -> str:
        """As `project_page`, and nothing is read."""
        self.asked.append(package)
        return self._page(location, package).digest

    def project_page(self, location: IndexLocation, package: str) -> ProjectPage:
        """The page; one without files is an index that fails."""
        self.read += 1
        return self._page(location, package)

    def _page(self, location: IndexLocation, package: str) -> ProjectPage:
        if not self.page.files:
            answer = IndexAnswer(fault=Fault.UNREACHABLE, location=location, package=package)
            raise IndexAnswerError(answer)
        return self.page

    def lists(self, *choices: LockedChoice) -> frozenset[LockedChoice]:
        """The choices that are listed."""
        where = {"ENVBUILD_INDEX_DEFAULT_URL": "https://packages.example.com/simple"}
        locations = locate_indexes(make_declaration(), where, lambda _: "")
        return revalidate(locations, cast("IndexClient", self), choices, self.confirmed)


OTHERS: dict[str, IndexFile] = {
    "an older version": replace(LISTED, filename="app-0.9-py3-none-any.whl", sha256="b" * 64),
    "a newer version": replace(LISTED, filename="app-1.1-py3-none-any.whl", sha256="b" * 64),
    "a worse wheel": replace(
        LISTED, filename="app-1.0-py3-none-manylinux_2_17_s390x.whl", sha256="b" * 64
    ),
    "a source": replace(LISTED, filename="app-1.0.tar.gz", sha256="b" * 64),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_listed_still_stands(other: str) -> None:
    """Whatever else the page has, before it or after it."""
    assert Index(LISTED, OTHERS[other]).lists(CHOICE) == {CHOICE}
    assert Index(OTHERS[other], LISTED).lists(CHOICE) == {CHOICE}


CHANGES: list[dict[str, Any]] = [
    {"sha256": "b" * 64},
    {"sha256": None},
    {"yanked": "broken"},
    {"yanked": ""},
    {"requires_python": ">=3.99"},
    {"requires_python": "three"},
    {"filename": "app-1.0-1-py3-none-any.whl"},
]


@pytest.mark.parametrize("changed", CHANGES, ids=str)
def test_what_changed_does_not(changed: dict[str, Any]) -> None:
    """A resolution would refuse it, choose another file, or say something about it."""
    assert Index(replace(LISTED, **changed)).lists(CHOICE) == frozenset()


@pytest.mark.parametrize("name", ["app-1.0-2-py3-none-any.whl", "App-1.0.0-2-py3-none-any.whl"])
def test_a_better_wheel_is_chosen_anew(name: str) -> None:
    """In any spelling of its version."""
    better = replace(LISTED, filename=name, sha256="b" * 64)
    assert Index(LISTED, better).lists(CHOICE) == frozenset()


def test_a_name_with_two_contents_does_not_stand() -> None:
    """One of the two would be a guess."""
    assert Index(LISTED, replace(LISTED, sha256="b" * 64)).lists(CHOICE) == frozenset()


def test_an_index_that_fails_lists_nothing() -> None:
    """Without an answer nothing is known."""
    assert Index().lists(CHOICE) == frozenset()


def test_a_page_is_asked_once_for_all_targets() -> None:
    """And nobody is asked where nothing is locked."""
    index = Index(LISTED)
    other = replace(CHOICE, target=replace(LINUX, python="3.13"))
    assert index.lists(CHOICE, other) == {CHOICE, other}
    assert index.asked == ["app"]
    assert Index(LISTED).lists() == frozenset()


def test_what_a_page_was_found_to_list_is_not_looked_up_in_it_again(tmp_path: Path) -> None:
    """By a later command, if the page is the same, and for the same choice."""
    file = tmp_path / "cache/confirmed"

    def reads(*choices: LockedChoice, **changed: Any) -> int:
        index = Index(replace(LISTED, **changed))
        index.confirmed = ConfirmedChoices(file)
        listed = index.lists(*choices)
        assert listed == (set() if changed.get("yanked") else set(choices))
        return index.read

    newer = replace(CHOICE, target=replace(LINUX, python="3.13"))
    assert [reads(CHOICE), reads(CHOICE), reads(CHOICE, newer), reads(newer)] == [1, 0, 1, 0]
    assert [reads(CHOICE, yanked="broken"), reads(CHOICE, yanked="broken")] == [1, 1]
    assert [reads(CHOICE, size=7), reads(CHOICE, size=7), reads(CHOICE)] == [1, 0, 0]
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"\xff")
    assert [reads(CHOICE), reads(CHOICE)] == [1, 0]


def test_nobody_is_asked_for_a_fresh_page_in_which_a_file_was_found(tmp_path: Path) -> None:
    """A fresh page in which it was not found yet, or another file was, is read again."""

    def lists(choice: LockedChoice) -> tuple[bool, list[str], int]:
        index = Index(LISTED)
        index.confirmed, index.holds = ConfirmedChoices(tmp_path / "confirmed"), True
        listed = index.lists(choice) == {choice}
        return listed, index.asked, index.read

    assert lists(CHOICE) == (True, ["app"], 1)
    assert lists(CHOICE) == (True, [], 0)
    assert lists(replace(CHOICE, sha256="b" * 64)) == (False, ["app"], 1)


def test_as_many_choices_are_remembered_as_a_fleet_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest ones: the file does not grow for ever."""
    monkeypatch.setattr(confirmed_choices, "MOST", 3)
    for number in range(9):
        confirmed = ConfirmedChoices(tmp_path / "confirmed")
        confirmed.add(str(number), CHOICE)
        confirmed.write()
    confirmed = ConfirmedChoices(tmp_path / "confirmed")
    assert [n for n in range(9) if confirmed.has(str(n), CHOICE)] == [6, 7, 8]


def test_a_file_of_several_variants_is_judged_once_and_stands_for_each() -> None:
    """One page says the same for all of them; a variant that took another file is judged by its own."""
    cuda, cpu = (
        replace(CHOICE, target=replace(CHOICE.target, variant=name)) for name in ("cuda", "cpu")
    )
    other = replace(cpu, sha256="b" * 64)
    index = Index(LISTED)
    assert index.lists(cuda, cpu, other) == {cuda, cpu}
    assert index.asked == ["app"]


@pytest.mark.parametrize(
    ("version", "spelled"),
    [
        ("1.12.0", "01.12"),
        ("0.0", "0"),
        ("2.0", "v2"),
        ("10", "10.0.0"),
        ("1.0rc1", "1.rc.1"),
        ("1.0+cu130", "1.0.0+CU130"),
        ("1!2.10", "01!02.010"),
    ],
)
def test_every_spelling_of_a_version_is_found(version: str, spelled: str) -> None:
    """A second file of the version is seen, whatever zeros its name has."""
    file = f"app-{version}-py3-none-any.whl"
    choice = replace(CHOICE, version=version, file=file)
    listed = replace(LISTED, filename=file)
    other = f"app-{spelled}-2-py3-none-any.whl"
    assert Index(listed).lists(choice) == {choice}
    better = replace(LISTED, filename=other, sha256="b" * 64)
    assert Index(listed, better).lists(choice) == frozenset()
    assert Index(better, listed).lists(choice) == frozenset()


def test_a_name_that_json_escapes_hides_no_other() -> None:
    """Quotes and other letters in a name are no end of the page."""
    for name in ('app-1.0"-py3-none-any.whl', "\u00e4pp-1.0-py3-none-any.whl"):
        strange = replace(LISTED, filename=name, sha256="b" * 64)
        assert Index(strange, LISTED).lists(CHOICE) == {CHOICE}
        assert Index(LISTED, strange).lists(CHOICE) == {CHOICE}
