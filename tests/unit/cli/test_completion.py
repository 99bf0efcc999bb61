"""What shells are offered."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import pytest
from argcomplete.finders import CompletionFinder

from envbuild.cli import main
from envbuild.cli.completion import SHELLS, whole_parser
from envbuild.cli.verbs import VERB_NAMES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def offered(line: str) -> list[str]:
    """The words that complete the last one of the line."""
    *words, last = line.split(" ")
    finder: Any = CompletionFinder(whole_parser(), always_complete_options=False)
    found = finder._get_completions(words, last, "", None)
    return [word.strip() for word in found]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which no declaration is found, unless a test writes one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ENVBUILD_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_verb_is_offered() -> None:
    """Also those that were added since."""
    assert set(offered("envbuild ")) == set(VERB_NAMES)
    assert set(offered("envbuild help ")) == set(VERB_NAMES)


def test_options_are_those_of_the_verb() -> None:
    """Behind a dash, with those of all verbs."""
    assert offered("envbuild lock --up") == ["--upgrade", "--upgrade-package"]
    assert "--verbose" in offered("envbuild lock --")
    assert offered("envbuild check --format s") == ["sarif"]


@pytest.mark.parametrize(
    "words",
    [
        "lock web --upgrade",
        "lock web --upgrade-package numpy",
        "sync web --jobs=4 --dry-run",
        "sync web -v --color never",
        "export systemd web --stable",
    ],
)
def test_further_drivers_are_offered_behind_options(project: Path, words: str) -> None:
    """Options may stand between operands, and their values are never taken for drivers."""
    (project / "drivers.toml").write_text("[drivers.asr]\n[drivers.web]\n")
    assert offered(f"envbuild {words} ") == ["asr", "web"]
    assert offered(f"envbuild {words} a") == ["asr"]


def test_a_format_is_no_driver(project: Path) -> None:
    """Drivers are offered where they can stand, and the values of an option behind it."""
    (project / "drivers.toml").write_text("[drivers.asr]\n")
    assert "asr" not in offered("envbuild export ")
    assert offered("envbuild lock asr --color ") == ["auto", "always", "never"]


def test_drivers_are_those_of_the_declaration_that_is_meant(project: Path) -> None:
    """The one that `--file`, `-C` or the search finds."""
    (project / "sub/.git").mkdir(parents=True)
    (project / "sub/drivers.toml").write_text("[drivers.asr]\n[drivers.web]\n")
    assert offered("envbuild lock ") == []
    for words in ("--file sub", "-C sub", "-C sub/.git"):
        assert offered(f"envbuild {words} lock ") == ["asr", "web"]
        os.chdir(project)
    assert offered("envbuild --file sub sync --dry-run asr w") == ["web"]


@pytest.mark.parametrize(
    "text",
    [
        "[drivers",
        "drivers = 3",
        "[drivers]\n'$(touch x)' = {}\n'`id`' = {}\n'a b' = {}",
        "a" * 2**21,
    ],
)
def test_a_strange_declaration_offers_nothing(project: Path, text: str) -> None:
    """No error at a Tab, and no word in which a shell reads more than a name."""
    (project / "drivers.toml").write_text(text)
    assert offered("envbuild lock ") == []


def test_a_pipe_is_not_waited_for(project: Path) -> None:
    """A Tab ends, whatever lies there."""
    os.mkfifo(project / "drivers.toml")
    assert offered("envbuild lock ") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_code(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is for the command `envbuild`, and no character of it is escaped."""
    from argcomplete.shell_integration import shellcode

    assert main(["completion", shell], {}) == 0
    assert capsys.readouterr().out.strip() == shellcode(["envbuild"], shell=shell).strip()


def test_an_unknown_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the shells."""
    assert main(["completion", "tcsh"], {}) == 2
    assert "'tcsh' is not one of bash, zsh, fish" in capsys.readouterr().err


def test_the_whole_parser_is_a_plain_one() -> None:
    """It knows every verb with all its words."""
    parsed = whole_parser().parse_args(["-v", "lock", "web", "--check", "-v"])
    assert isinstance(parsed, argparse.Namespace)
    assert (parsed.verb, parsed.drivers, parsed.check) == ("lock", ["web"], True)
