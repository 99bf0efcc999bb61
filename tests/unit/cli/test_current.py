"""What is answered without most of envbuild, and what that imports."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.context import Context
from envbuild.cli.folders import store_root
from envbuild.cli.lean_json import read_json
from envbuild.cli.options import Arguments

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")
@pytest.mark.parametrize("data", [None, "", "/data", "~/x"])
def test_the_store_is_where_platformdirs_says(
    monkeypatch: pytest.MonkeyPatch, data: str | None
) -> None:
    """Both ways to the default store lead to one folder."""
    environment = {} if data is None else {"XDG_DATA_HOME": data}
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if data is not None:
        monkeypatch.setenv("XDG_DATA_HOME", data)
    arguments = Arguments(store=None)
    whole = Context(arguments=arguments, environment=environment).store.root
    assert store_root(arguments, environment) == str(whole)


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


@pytest.mark.parametrize("argv", [["list"], ["which", "web"], ["sync"], ["lock"]])
def test_little_is_imported(scratch: Path, argv: list[str]) -> None:
    """What answers at once imports neither dataclasses nor typing, argparse, pathlib, re or OpenSSL."""
    code = (
        "import sys; from envbuild.cli.options import read_plainly;"
        "from envbuild.cli.verbs import find_verb;"
        f"verb, arguments = read_plainly({[*argv, '--store', str(scratch)]!r}, find_verb);"
        "assert verb.at_once(arguments, {}) is None; import envbuild.report.list;"
        "print(*sorted({'dataclasses', 'typing', 'argparse', 'pathlib', 'subprocess', 'tomllib',"
        " 'rich', 'uv', 'packaging', 're', 'enum', 'json', '_hashlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    before = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) <= set(before.stdout.split())
