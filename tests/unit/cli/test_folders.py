"""Which `drivers.toml` and which store a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main
from envbuild.cli.folders import find_declaration, store_root
from envbuild.cli.options import Arguments

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = 'version = 1\n[drivers.{name}]\nrequires = ["base"]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a declaration, `work/deep` below it, and a declaration above it."""
    folder = tmp_path / "home"
    (folder / "work/deep").mkdir(parents=True)
    for place, name in ((tmp_path, "above"), (folder, "home")):
        (place / "drivers.toml").write_text(DECLARED.format(name=name))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder / "work/deep")
    return folder


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (None, ".local/share/envbuild"),
        ("", ".local/share/envbuild"),
        ("relative", ".local/share/envbuild"),
        ("~/x", ".local/share/envbuild"),
        ("/data", "/data/envbuild"),
        ("/data/", "/data/envbuild"),
        (" /data", ".local/share/envbuild"),
    ],
)
def test_the_store_is_in_the_data_folder(home: Path, data: str | None, place: str) -> None:
    """Where XDG's specification has it: a relative path in the variable counts as none."""
    environment = {} if data is None else {"XDG_DATA_HOME": data}
    assert store_root(Arguments(store=None), environment) == str(home / place)


def test_the_nearest_parent_counts(home: Path) -> None:
    """The search ends at the first file, and the home folder is the last that is looked at."""
    assert find_declaration(None) == "../../drivers.toml"
    (home / "work/drivers.toml").touch()
    assert find_declaration(None) == "../drivers.toml"
    (home / "work/deep/drivers.toml").touch()
    assert find_declaration(None) == "drivers.toml"
    for file in home.rglob("drivers.toml"):
        file.unlink()
    assert find_declaration(None) == "drivers.toml"


def test_a_repository_ends_the_search(home: Path) -> None:
    """What lies above the root of the repository belongs to somebody else; `.git` is a file in worktrees."""
    (home / "work/.git").touch()
    assert find_declaration(None) == "drivers.toml"
    (home / "work/drivers.toml").touch()
    assert find_declaration(None) == "../drivers.toml"


def test_outside_both_only_the_working_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder such as /tmp is everybody's: nobody can put a declaration above another user's work."""
    (tmp_path / "work").mkdir()
    (tmp_path / "drivers.toml").touch()
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(tmp_path / "work")
    assert find_declaration(None) == "drivers.toml"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("argv", "environment"),
    [
        (["--file", "../../.."], {}),
        (["--file", "../../../drivers.toml"], {}),
        ([], {"ENVBUILD_FILE": "../../.."}),
        (["--file", "../../.."], {"ENVBUILD_FILE": "/nonexistent"}),
        (["-C", "../../.."], {}),
        (["-C", "../..", "--file", ".."], {}),
    ],
)
def test_a_file_or_its_folder_can_be_named(
    argv: list[str],
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--file` goes before `$ENVBUILD_FILE`, and both before the search; `-C` is entered first."""
    assert main([*argv, "show"], environment) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("above")


def test_init_writes_here(home: Path) -> None:
    """A declaration above is no reason not to begin another one."""
    assert main(["init"], {}) == 0
    assert (home / "work/deep/drivers.toml").is_file()


def test_a_folder_that_cannot_be_entered_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-C` says which folder, before anything is read."""
    assert main(["-C", str(tmp_path / "no"), "show"], {}) == 2
    said = capsys.readouterr().err
    assert "cannot enter " in said
    assert ": No such file or directory" in said
