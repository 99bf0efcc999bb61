"""Whether everything is there that was asked for, and nothing else."""

from __future__ import annotations

import pytest

from envbuild.environment.completeness import find_gaps

FOO = "foo-1.0.dist-info"


def gaps(*folders: str, wanted: tuple[tuple[str, str], ...] = (("foo", "1.0"),)) -> tuple[str, ...]:
    """What is found in an environment with these folders."""
    return find_gaps(folders, wanted)


def test_a_whole_environment_has_no_gap() -> None:
    """What is installed is what was locked."""
    assert gaps(FOO) == ()


def test_a_distribution_that_was_not_asked_for_is_a_gap() -> None:
    """What is installed is what was locked, and nothing beside it."""
    assert gaps(FOO, "extra-2.0.dist-info") == ("extra 2.0 was not requested",)


def test_a_distribution_that_is_not_there_is_a_gap() -> None:
    """An installer that left one out says so nowhere else."""
    wanted = (("foo", "1.0"), ("bar", "2.0"))
    assert gaps(FOO, wanted=wanted) == ("bar 2.0 is not installed",)


def test_another_version_is_two_gaps() -> None:
    """The wrong version is one that is missing and one that nobody asked for."""
    assert gaps(FOO, wanted=(("foo", "2.0"),)) == (
        "foo 2.0 is not installed",
        "foo 1.0 was not requested",
    )


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [
        ("Foo.Bar_baz-1.0.dist-info", ("foo-bar-baz", "1.0")),
        ("foo-1.0.0.dist-info", ("foo", "1.0")),
        ("foo-1!2.0.dist-info", ("foo", "1!2.0")),
        ("foo-1.0+cu128.dist-info", ("foo", "1.0+cu128")),
        ("foo-1.0_cu128.dist-info", ("foo", "1.0+cu128")),
        ("foo-1.0.RC1.dist-info", ("foo", "1.0rc1")),
        ("foo-2004d.dist-info", ("foo", "2004d")),
    ],
)
def test_spellings_of_one_distribution_are_one(folder: str, wanted: tuple[str, str]) -> None:
    """Folders spell names and versions as their builders did; that is no other distribution."""
    assert gaps(folder, wanted=(wanted,)) == ()


@pytest.mark.parametrize("folder", [".dist-info", "foo.dist-info", "-.dist-info", "foo-.dist-info"])
def test_a_folder_without_name_or_version_was_not_asked_for(folder: str) -> None:
    """Whatever a wheel calls its folder, the answer is a sentence."""
    (found,) = gaps(FOO, folder)
    assert found.endswith("was not requested")


def test_many_gaps_are_counted_instead_of_listed() -> None:
    """A broken installation of a thousand packages is said in a few lines."""
    found = gaps(FOO, *(f"more-{number}.dist-info" for number in range(1000)))
    assert len(found) == 6
    assert found[-1] == "and 995 more"


def test_a_local_version_is_another_version() -> None:
    """foo 1.0+local is not foo 1.0; whoever builds it from source asks for what was built."""
    folder = "foo-1.0+local.dist-info"
    assert "foo 1.0 is not installed" in gaps(folder)
    assert gaps(folder, wanted=(("foo", "1.0+local"),)) == ()
