"""`envbuild help COMMAND`."""

from __future__ import annotations

import pytest

from envbuild import __version__
from envbuild.cli import main
from envbuild.cli.verbs import GROUPS
from tests.support.imported import HEAVY, imported_by


def test_help_is_what_the_option_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """`envbuild help lock` and `envbuild lock --help` say the same, and so do both for envbuild itself."""
    for verb in ([], ["lock"], ["bisect"]):
        assert main(["help", *verb], {}) == 0
        said = capsys.readouterr().out
        with pytest.raises(SystemExit):
            main([*verb, "--help"], {})
        assert said == capsys.readouterr().out.rstrip("\n") + "\n"


def test_help_for_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a usage error, as the command itself would be."""
    assert main(["help", "lok"], {}) == 2
    assert "did you mean 'lock'?" in capsys.readouterr().err


def test_the_commands_are_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb stands once, below its group."""
    assert main(["help"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    for group, verbs in GROUPS.items():
        at = lines.index(f"{group}:")
        named = [line.split()[0] for line in lines[at + 1 : at + 1 + len(verbs)]]
        assert named == list(verbs)


def test_the_version_has_a_short_option(capsys: pytest.CaptureFixture[str]) -> None:
    """`-V` is `--version`, and imports no more than that takes."""
    for option in ("-V", "--version"):
        assert main([option], {}) == 0
        assert capsys.readouterr().out == f"envbuild {__version__}\n"
    said, loaded = imported_by("--version")
    assert said == f"envbuild {__version__}"
    assert not loaded & HEAVY


def test_the_help_of_a_command_imports_that_command_alone() -> None:
    """argparse is needed, and what other verbs are made of is not."""
    said, loaded = imported_by("why")
    assert said == ""
    assert "envbuild.cli.lockfiles" in loaded
    assert "envbuild.cli.export" not in loaded
