"""`[tool.poetry]`: its ranges, its tables, its groups and extras."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from envbuild.declaration.toml.table import TextError
from envbuild.errors import UsageError
from envbuild.imports.poetry import read_poetry, specifier_of

if TYPE_CHECKING:
    from envbuild.imports.draft import Draft

POETRY = """
[tool.poetry]
name = "site"
[tool.poetry.dependencies]
python = "^3.12"
flask = "^3.0"
numpy = [
    { version = "<2", python = "<3.13" },
    { version = ">=2", python = ">=3.13" },
]
psycopg = { version = "*", extras = ["binary"], optional = true }
svc = { git = "https://git.example.com/svc.git", branch = "main" }
helper = { path = "../helper", develop = true }
colorama = { version = "^0.4", markers = "sys_platform == 'win32' or os_name == 'nt'" }
[tool.poetry.extras]
db = ["psycopg"]
[tool.poetry.group.test.dependencies]
pytest = ">=8"
[tool.poetry.dev-dependencies]
black = "24.*"
"""


def read(text: str, *extras: str) -> tuple[Draft, ...]:
    """The drafts of a text; paths are found below `here`."""
    return read_poetry(
        tomllib.loads(text),
        file="pyproject.toml",
        extras=extras,
        locate=lambda path: (f"here/{path.removeprefix('../')}", None),
    )


@pytest.mark.parametrize(
    ("written", "within", "outside"),
    [
        ("^1.2.3", ("1.2.3", "1.9"), ("1.2.2", "2.0")),
        ("^0.2.3", ("0.2.3", "0.2.9"), ("0.3",)),
        ("^0.0.3", ("0.0.3",), ("0.0.4",)),
        ("^0.0", ("0.0.9",), ("0.1",)),
        ("^0", ("0.9",), ("1.0",)),
        ("~1.2.3", ("1.2.9",), ("1.3",)),
        ("~1.2", ("1.2.9",), ("1.3",)),
        ("~1", ("1.9",), ("2.0",)),
        ("~=1.4.2", ("1.4.9",), ("1.5",)),
        ("1.2.*", ("1.2.9",), ("1.3",)),
        ("1.2.3", ("1.2.3",), ("1.2.4",)),
        (">=1.2,<1.5", ("1.4",), ("1.5",)),
        (">= 1.2, != 1.3", ("1.4",), ("1.3",)),
        (">=1.2 <1.5", ("1.4",), ("1.5",)),
        ("*", ("7",), ()),
        ("", ("7",), ()),
    ],
)
def test_a_range_means_what_poetry_means(
    written: str, within: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    """Carets, tildes, wildcards, and ranges of several parts."""
    wanted = SpecifierSet(specifier_of(written))
    assert all(wanted.contains(version) for version in within)
    assert not any(wanted.contains(version) for version in outside)


@pytest.mark.parametrize("written", ["^1 || ^2", "^one", "a b", ">=1 or <0"])
def test_a_range_that_no_requirement_can_say_is_refused(written: str) -> None:
    """It is never widened in silence."""
    with pytest.raises(TextError):
        specifier_of(written)


def test_a_project_with_its_groups() -> None:
    """Each group is a driver; optional packages wait for their extra."""
    site, test, dev = read(POETRY)
    assert site.requires == (
        "flask<4,>=3.0",
        'numpy<2; python_version < "3.13"',
        'numpy>=2; python_version >= "3.13"',
        "svc",
        "helper",
        'colorama<0.5,>=0.4; sys_platform == "win32" or os_name == "nt"',
    )
    assert site.pythons == ("3.14", "3.13", "3.12")
    assert {name: dict(source) for name, source in site.sources} == {
        "svc": {"git": "https://git.example.com/svc.git", "branch": "main"},
        "helper": {"path": "here/helper"},
    }
    assert (test.name, test.requires) == ("test", ("pytest>=8",))
    assert (dev.name, dev.requires) == ("dev", ("black==24.*",))
    assert "psycopg[binary]" in read(POETRY, "db")[0].requires
    with pytest.raises(UsageError, match="there is no extra 'nope'"):
        read(POETRY, "nope")


@pytest.mark.parametrize(
    ("entry", "left_out"),
    [
        ('"^1 || ^2"', "x: a requirement cannot express `||`"),
        ("3", "x: it is neither a version nor a table"),
        ('{ version = "1", source = "ours" }', "x: it comes from an index of its own"),
        (
            '{ git = "ftp://git.example.com/x.git" }',
            "x: the address of a repository must begin with",
        ),
    ],
)
def test_what_cannot_come_is_named(entry: str, left_out: str) -> None:
    """With the package and the reason."""
    (draft,) = read(f"[tool.poetry.dependencies]\nx = {entry}")
    assert draft.requires == ()
    assert draft.left_out[0].startswith(left_out)


def test_dependencies_of_the_project_go_first() -> None:
    """From Poetry 2 on `[project]` says what is required."""
    assert read('[project]\ndependencies = ["a"]\n[tool.poetry.dependencies]\na = "1"') == ()
