"""`[project]` of a pyproject.toml."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.imports.project import read_project

if TYPE_CHECKING:
    from envbuild.imports.draft import Draft

PROJECT = """
[project]
name = "Site"
requires-python = ">=3.12,<3.14"
dependencies = ["flask>=3", "svc[fast]", "wheel-of-ours"]
[project.optional-dependencies]
Db = ["psycopg"]
all = ["site[db]", "redis"]
[tool.uv]
constraint-dependencies = ["numpy<3"]
override-dependencies = ["websockets<15"]
[tool.uv.sources]
svc = { git = "https://git.example.com/svc", tag = "v1", subdirectory = "python" }
wheel-of-ours = { url = "https://e.example/wheel_of_ours-1.0-py3-none-any.whl" }
unused = { git = "https://git.example.com/unused" }
"""


def read(text: str, *extras: str) -> Draft | None:
    """The draft of a text; paths are found below `here`."""
    return read_project(
        tomllib.loads(text),
        file="pyproject.toml",
        extras=extras,
        locate=lambda path: (f"here/{path}", None),
    )


def test_dependencies_and_what_uv_is_told() -> None:
    """Pythons, constraints, overrides, and the sources of what is required."""
    draft = read(PROJECT)
    assert draft is not None
    assert draft.name == "Site"
    assert draft.requires == ("flask>=3", "svc[fast]", "wheel-of-ours")
    assert draft.pythons == ("3.13", "3.12")
    assert draft.constraints == ("numpy<3",)
    assert draft.overrides == ("websockets<15",)
    assert draft.left_out == ()
    assert {name: dict(source) for name, source in draft.sources} == {
        "svc": {"git": "https://git.example.com/svc", "tag": "v1", "subdirectory": "python"},
        "wheel-of-ours": {"url": "https://e.example/wheel_of_ours-1.0-py3-none-any.whl"},
    }
    assert draft.notes[0] == "extras that are not imported: Db, all (--extra NAME)"


def test_an_extra_of_the_project_itself_stands_for_its_requirements() -> None:
    """Through a circle too."""
    draft = read(PROJECT.replace('["psycopg"]', '["psycopg", "Site[all]"]'), "all")
    assert draft is not None
    assert draft.requires[3:] == ("redis", "psycopg")


def test_an_unknown_extra_names_those_that_there_are() -> None:
    """It is no silence."""
    with pytest.raises(UsageError, match="there is no extra 'nope'") as raised:
        read(PROJECT, "nope")
    assert raised.value.problems[0].hint == "there are: Db, all"


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ('[project]\nname = "a"\ndynamic = ["dependencies"]', "project.dependencies: they are"),
        (
            '[project]\ndependencies = ["a"]\n[tool.uv.sources]\na = { workspace = true }',
            "tool.uv.sources.a: it is not a git repository",
        ),
        (
            '[project]\ndependencies = ["a"]\n[tool.uv.sources]\na = { index = "ours" }',
            "tool.uv.sources.a: bind the package to an",
        ),
        (
            '[project]\ndependencies = ["a"]\n[[tool.uv.index]]\nname = "ours"',
            "tool.uv.index: declare it",
        ),
        (
            '[project]\ndependencies = ["a"]\nrequires-python = "<3"',
            "requires-python: it admits none",
        ),
    ],
)
def test_what_cannot_come_is_named(text: str, left_out: str) -> None:
    """With its key and the reason."""
    draft = read(text)
    assert draft is not None
    assert draft.left_out[0].startswith(left_out)


def test_a_file_without_dependencies_is_no_project() -> None:
    """A pipx.toml has an empty list; settings of tools have none."""
    assert read('[project]\nname = "a"\ndependencies = []') is None
    assert read("[tool.black]") is None
