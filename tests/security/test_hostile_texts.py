"""Text that others write: pages, METADATA, RECORD, unit files, requirements, presets.

The attacker publishes a wheel, runs an index or wrote a file that is imported;
he controls every character and wants a command that never ends, and that Ctrl-C does not end either.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envbuild.errors import UsageError
from envbuild.index.page import JSON
from envbuild.index.page_parser import parse_page
from envbuild.index.page_versions import version_of
from envbuild.wheelcache.record import parse_record
from envbuild.yaml_text import parse_yaml

ROOT = Path(__file__).parents[2]
NINES = "9" * 5000
DEEP = "[" * 100_000


def test_every_reader_takes_time_by_length() -> None:
    """He repeats what makes patterns backtrack; no reader takes minutes for 50,000 characters."""
    argv = (sys.executable, "-m", "tests.support.hostile_texts")
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr)


@pytest.mark.parametrize(
    "text",
    [DEEP, '{"files": ' + DEEP, f'{{"files": [], "n": {NINES}}}'],
    ids=("list", "files", "9"),
)
def test_a_page_of_endless_json(text: str) -> None:
    """He nests a page deep, or writes a number of thousands of digits: it is no page, and no bug."""
    with pytest.raises(ValueError, match="its JSON"):
        parse_page("a", text, JSON, "http://host/a/")


@pytest.mark.parametrize("name", [f"a-{NINES}-py3-none-any.whl", f"a-{NINES}.tar.gz"])
def test_a_version_of_thousands_of_digits(name: str) -> None:
    """He gives a file such a version: the file has none."""
    assert version_of("a", name) is None


def test_a_size_of_thousands_of_digits() -> None:
    """He writes it into RECORD: the row has no size."""
    assert parse_record(f"a.py,,{NINES}\n") == [("a.py", "", 0)]


LAUGHS = "\n".join(
    ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "more than 100,000 values"),
        ("a: &a [*a]", "inside the value that it repeats"),
        ("[" * 60 + "]" * 60, "50 levels deep"),
        ("1:" * 5000 + "1", "number that is too long"),
        ("# " * 600_000, "more than 1,048,576 characters"),
        ("day: 2026-99-99", "month"),
    ],
    ids=("laughs", "circle", "deep", "number", "long", "day"),
)
def test_a_preset_that_grows(text: str, words: str) -> None:
    """He wrote the YAML that is imported: exit 2 in no time, with what is wrong."""
    with pytest.raises(UsageError, match=words):
        parse_yaml(text, file="preset.yaml")


def test_an_alias_that_stays_small() -> None:
    """What presets do use aliases for goes on working."""
    assert parse_yaml("a: &a [1]\nb: *a\n", file="f") == {"a": [1], "b": [1]}
