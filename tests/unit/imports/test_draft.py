"""What is said of Pythons, and what is left out."""

from __future__ import annotations

import pytest

from envbuild.declaration.toml.table import TextError
from envbuild.imports.draft import read_requirements, supported_pythons


@pytest.mark.parametrize(
    ("specifier", "pythons"),
    [
        (">=3.8", ()),
        (">=3.12", ("3.14", "3.13", "3.12")),
        (">=3.11.4,<3.13", ("3.12", "3.11")),
        ("==3.12.*", ("3.12",)),
        ("<=3.11", ("3.11",)),
        ("~=3.13", ("3.14", "3.13")),
    ],
)
def test_a_range_becomes_the_pythons_that_it_admits(
    specifier: str, pythons: tuple[str, ...]
) -> None:
    """Newest first; none are named where all are admitted."""
    assert supported_pythons(specifier) == pythons


@pytest.mark.parametrize("specifier", ["<3.11", "==2.7.*", "three"])
def test_a_range_without_a_python_is_refused(specifier: str) -> None:
    """No driver is declared for a Python that it cannot have."""
    with pytest.raises(TextError):
        supported_pythons(specifier)


def test_what_is_no_requirement_is_left_out_with_its_reason() -> None:
    """The rest comes over, each requirement once."""
    read = read_requirements(["flask", "a = 1", "Flask", "x @ https://e.example/page"])
    assert read.requires == ("flask",)
    assert [line.partition(":")[0] for line in read.left_out] == ["a = 1", "a requirement by URL"]
