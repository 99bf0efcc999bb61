"""What `init` asks at a terminal."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a requirements file and a venv."""
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "venvs/asr").mkdir(parents=True)
    (tmp_path / "venvs/asr/pyvenv.cfg").write_text("version = 3.12.1\n")
    info = tmp_path / "venvs/asr/lib/python3.12/site-packages/whisper-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: whisper\nVersion: 1.0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(monkeypatch: pytest.MonkeyPatch, words: str) -> str:
    """What stderr shows of `init` to a user who types these words."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(words))
    monkeypatch.setattr(sys, "stderr", shown)
    assert main(["init"], {}) == 0
    return shown.getvalue()


@pytest.mark.parametrize(
    ("words", "drivers", "asked"),
    [
        ("2\n", ["asr"], 1),
        ("1, 2\n", None, 1),
        ("all\n", None, 1),
        ("\n", ["web"], 1),
        ("", ["web"], 1),
        ("3\nnope\n2\n", ["asr"], 3),
    ],
)
def test_a_user_at_a_terminal_chooses(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    drivers: list[str] | None,
    asked: int,
) -> None:
    """By number; all, none, the end of the input, and a word that is neither, which is asked again."""
    shown = answered(monkeypatch, words)
    assert "  1  requirements.txt  (requirements)" in shown
    assert "  2  venvs/asr  (a venv)" in shown
    assert shown.count("Import which?") == asked
    declared = tomllib.loads((folder / "drivers.toml").read_text())["drivers"]
    assert len(declared) == 2 if drivers is None else list(declared) == drivers


def test_without_a_terminal_nothing_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result names what could be imported; `--yes` imports it, `--bare` does not even look."""
    declaration = folder / "drivers.toml"
    assert main(["init", "--format", "json"], {}) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["paths"] for one in told["importable"]] == [["requirements.txt"], ["venvs/asr"]]
    assert list(tomllib.loads(declaration.read_text())["drivers"]) == ["web"]
    declaration.unlink()
    assert main(["init", "--yes"], {}) == 0
    assert len(tomllib.loads(declaration.read_text())["drivers"]) == 2
    declaration.unlink()
    capsys.readouterr()
    assert main(["init", "--bare"], {}) == 0
    assert "found" not in capsys.readouterr().out
    assert "drivers" not in tomllib.loads(declaration.read_text())
    assert main(["init", "--yes"], {}) == 2
    assert "it exists already" in capsys.readouterr().err
