"""Which reader a file gets, and which paths it may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.imports.files import read_drafts

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = '[project]\nname = "Helper.Project"\n'


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A declaration's folder with `services/web`, a project beside it, and one outside."""
    for place in ("fleet/services/web", "fleet/helper", "outside"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("fleet/helper", "outside"):
        (tmp_path / place / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path / "fleet"


def test_folders_in_a_requirements_file_are_sources(fleet: Path) -> None:
    """Relative to the declaration, and called as the project calls itself."""
    file = fleet / "services/web/requirements.txt"
    file.write_text("-e ../../helper[fast]\nflask\n")
    (draft,) = read_drafts(file, base=fleet)
    assert draft.requires == ("flask", "helper-project[fast]")
    assert draft.sources == (("helper-project", (("path", "helper"),)),)
    assert draft.left_out == ()


def test_an_included_file_names_paths_from_its_own_folder(fleet: Path) -> None:
    """As `-r` itself does."""
    (fleet / "base.txt").write_text("-e ./helper\n")
    (fleet / "web.in").write_text("-r base.txt\n")
    (draft,) = read_drafts(fleet / "web.in", base=fleet)
    assert dict(draft.sources)["helper-project"] == (("path", "helper"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e ../outside", "the path leads out of"),
        ("./link", "the path leads out of"),
        ("/etc", "the path leads out of"),
        ("./gone", "there is no such file"),
        ("./services", "its name cannot be read without running it"),
        ("-r https://e.example/requirements.txt", "the option -r"),
        ("-c https://e.example/constraints.txt", "the option -c"),
    ],
)
def test_what_lies_elsewhere_is_left_out(fleet: Path, line: str, why: str) -> None:
    """A link leads out too, and nothing is fetched."""
    (fleet / "link").symlink_to("../outside")
    (fleet / "web.txt").write_text(f"flask\n{line}\n")
    (draft,) = read_drafts(fleet / "web.txt", base=fleet)
    assert draft.requires == ("flask",)
    assert len(draft.left_out) == 1
    assert why in draft.left_out[0]


@pytest.mark.parametrize(
    ("name", "text", "drivers"),
    [
        ("Pipfile", '[packages]\nflask = "*"', ["here"]),
        ("pylock.web.toml", 'lock-version = "1.0"\n[[packages]]\nname = "a"', ["web"]),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "a"', ["here"]),
        ("environment.yml", "name: asr\ndependencies: [{pip: [flask]}]", ["asr"]),
        ("env.yaml", "dependencies: [{pip: [flask]}]", ["here"]),
        (
            "pyproject.toml",
            (
                '[project]\nname = "site"\ndependencies = ["a"]\n[dependency-groups]\ndev = ["b"]\n'
                '[tool.poetry.group.docs.dependencies]\nc = "*"'
            ),
            ["site", "docs", "dev"],
        ),
    ],
)
def test_a_file_is_told_by_its_name(
    tmp_path: Path, name: str, text: str, drivers: list[str]
) -> None:
    """And the driver by what is in it, or by its folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / name).write_text(text)
    assert [draft.name for draft in read_drafts(folder / name, base=folder)] == drivers


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "x = " + "[" * 5000),
        ("pyproject.toml", f"{'a.' * 5000}a = 1"),
        ("pyproject.toml", f"x = {'9' * 5000}"),
        ("Pipfile", "\x00"),
        ("uv.lock", "version = 1\npackage = 3"),
        (
            "environment.yml",
            "a: &a [1,1,1,1,1,1,1,1,1]\n" + "b: [" + "*a, " * 12_000 + "]\ndependencies: []",
        ),
    ],
)
def test_hostile_files_are_refused_in_words(tmp_path: Path, name: str, text: str) -> None:
    """In bounded time, whatever they nest or repeat."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError):
        read_drafts(tmp_path / name, base=tmp_path)


def test_files_that_include_one_another_many_times_are_read_once(tmp_path: Path) -> None:
    """Each of thirty files names the next one twice: that would be a billion files."""
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n" * 2 + f"a{number}\n")
    (tmp_path / "30.txt").write_text("last\n-c bounds.txt\n-c bounds.txt\n")
    (tmp_path / "bounds.txt").write_text("numpy<3\n")
    (draft,) = read_drafts(tmp_path / "0.txt", base=tmp_path)
    assert draft.requires[0] == "last"
    assert len(draft.requires) == 31
    assert draft.constraints == ("numpy<3",)


def test_files_without_end_are_refused(tmp_path: Path) -> None:
    """A chain of a hundred files is longer than any real one."""
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    with pytest.raises(UsageError, match="more than 100 files are included"):
        read_drafts(tmp_path / "0.txt", base=tmp_path)
