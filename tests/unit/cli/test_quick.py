"""The front door gives just what the whole command line would give, or leaves it to that."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.arguments import parse_arguments
from envbuild.cli.lean_json import read_json
from envbuild.cli.plain import read_plainly
from envbuild.cli.quick import answer, split_arguments, store_root
from envbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("argv", "options", "words"),
    [
        (["sync"], {}, ["sync"]),
        (["--store", "/s", "which", "x"], {"--store": "/s"}, ["which", "x"]),
        (["which", "x", "--store=/s", "--env"], {"--store": "/s"}, ["which", "x", "--env"]),
        (["run", "x", "--store", "y"], {}, ["run", "x", "--store", "y"]),
        (["run", "x", "--", "-h"], {}, ["run", "x", "--", "-h"]),
        (["list", "--format", "json"], {"--format": "json"}, ["list"]),
        (["list", "--format="], None, ["list"]),
        (["--store", "--file", "list"], None, []),
        (["sync", "--dry-run"], None, ["sync"]),
        (["which", "x", "--store"], None, ["which", "x"]),
    ],
)
def test_only_what_is_understood_is_answered(
    argv: list[str], options: dict[str, str] | None, words: list[str]
) -> None:
    """An option that it does not know leaves everything to argparse; what a driver gets is its own."""
    assert split_arguments(argv) == (options, words)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")
@pytest.mark.parametrize("data", [None, "", "/data", "~/x"])
def test_the_store_is_where_platformdirs_says(
    monkeypatch: pytest.MonkeyPatch, data: str | None
) -> None:
    """Both ways to the default store lead to one folder."""
    from envbuild.cli.context import Context

    environment = {} if data is None else {"XDG_DATA_HOME": data}
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if data is not None:
        monkeypatch.setenv("XDG_DATA_HOME", data)
    whole = Context(arguments=Namespace(store=None), environment=environment).store.root
    assert store_root({}, environment) == str(whole)


@pytest.mark.parametrize(
    "argv",
    [
        "history",
        "ps --format json",
        "--format=text --store /s --file x/d.toml ps",
        "rollback",
        "rollback 12",
        "verify",
        "verify web asr --store /s",
        "verify --quick",
        "verify --quick web --format json",
        "gc",
        "gc --keep 1",
        "lock",
        "lock web asr",
        "lock --check --format json",
        "sync",
        "sync web asr --store /s",
    ],
)
def test_plain_spellings_are_read_as_argparse_reads_them(argv: str) -> None:
    """Both ways give a verb the same arguments."""
    plain = read_plainly(argv.split())
    assert plain is not None
    assert vars(plain) == vars(parse_arguments(argv.split()))


@pytest.mark.parametrize(
    "argv",
    [
        "",
        "history x",
        "ps --quick",
        "ps --help",
        "ps --format markdown",
        "rollback 0",
        "rollback one",
        "rollback 1 2",
        "rollback --quick",
        "verify --quick --repair",
        "verify --quick --quick",
        "verify --keep",
        "gc --keep 0",
        "gc --keep",
        "gc --keep=2",
        "gc --cache",
        "sync --dry-run",
        "list",
        "--store",
        "--",
    ],
)
def test_all_else_is_left_to_argparse(argv: str) -> None:
    """What is wrong, rare or of another verb is not read here, so that argparse says what it would."""
    assert read_plainly(argv.split()) is None


@pytest.mark.parametrize("argv", ["verify web --quick", "verify --quick -- web", "gc --keep=2"])
def test_argparse_reads_other_spellings(argv: str) -> None:
    """Another order is no mistake."""
    assert parse_arguments(argv.split()).command in ("verify", "gc")


def test_a_mistake_is_said_by_argparse() -> None:
    """A plain verb with a wrong word ends as every other does."""
    with pytest.raises(UsageError, match="is no number from 1 up"):
        parse_arguments(["rollback", "one"])


def test_json_is_not_answered_at_the_door(tmp_path: Path) -> None:
    """What is printed without the whole command line is text."""
    argv = ["list", "--format", "json", "--store", str(tmp_path)]
    assert answer(argv, {}) is None


@pytest.mark.parametrize(
    "text", ["{}", '{"a": [1, 2.5, null, true, "\\u00e9\\n"]}\n', ' {"a": {}}', "[1]", "3"]
)
def test_json_is_read_as_json_reads_it(text: str) -> None:
    """The parser that is reached in a shorter way gives the same values."""
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1} x', "{'a': 1}", '{"a": "\x01"}', "nonsense"])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Damage is an error as of `json.loads`, never half a value."""
    with pytest.raises(json.JSONDecodeError):
        read_json(text)


def test_nothing_heavy_is_imported() -> None:
    """What answers at once imports neither dataclasses nor typing, argparse, pathlib, re or OpenSSL."""
    code = (
        "import sys; from envbuild.cli.quick import answer; import envbuild.cli.stamp;"
        "import envbuild.report.list, envbuild.cli.lean_json; answer(['list', '--store', '/nowhere'], {});"
        "print(*sorted({'dataclasses', 'typing', 'argparse', 'pathlib', 'subprocess', 'tomllib',"
        " 'rich', 'uv', 'packaging', 're', 'enum', 'json', '_hashlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    before = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded <= set(before.stdout.split())
