"""Words of the command line reach no terminal as they are, at any verb and in any place."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main
from envbuild.cli.verbs import VERB_NAMES, find_verb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE = "\x1b[31ma\x07\u202eb\u2066\x9b\r\u2028\udcff"
LONG = "x" * 5000

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, what changes the order of letters, and what no encoding has."""

VALUES = {"DRIVER": "web", "FORMAT": "env", "ACTION": "info", "SHELL": "bash"}
DECLARATION = '[defaults]\npython = "3.12"\n[drivers.web]\nrequires = ["app"]\n'


def command_lines(name: str) -> Iterator[list[str]]:
    """The verb's lines with one hostile word, or a long one, in each place in turn."""
    verb = find_verb(name)
    assert verb is not None
    needed = [row for row in verb.operands if row.count in ("1", "+")]
    plain = [VALUES.get(row.metavar or "", "x") for row in needed]
    for at in range(len(plain) + 1):
        yield [name, *plain[:at], HOSTILE, *plain[at + 1 :]]
    yield [name, LONG, *plain[1:]]
    for row in verb.parameters:
        if not row.is_operand and row.metavar is not None:
            yield [name, *plain, row.name, HOSTILE]
    yield [name, *plain, f"--{HOSTILE}"]
    yield [name, *plain, "--file", LONG]
    yield ["--store", HOSTILE, name, *plain]


@pytest.mark.parametrize("name", VERB_NAMES)
def test_no_word_is_repeated_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Control characters, bidirectional overrides, other bytes, long words: one short message, and no bug."""
    for variable in ("HOME", "XDG_CACHE_HOME", "ENVBUILD_STORE", "ENVBUILD_INDEX_DEFAULT_URL"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "ENVBUILD_INDEX_DEFAULT_URL").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))  # where no Python is looked for
    for argv in command_lines(name):
        (tmp_path / "drivers.toml").write_text(f"version = 1\n{DECLARATION}")
        monkeypatch.chdir(tmp_path)
        code = main(argv, dict(os.environ))
        said = "".join(capfd.readouterr())
        assert code in range(6), said
        assert RAW.search(said) is None, ascii(said)
        assert LONG not in said
