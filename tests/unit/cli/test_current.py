"""What is answered without most of envbuild, and what that imports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main
from envbuild.cli.stamp import render_sync_stamp
from envbuild.digest import sha256_hex
from envbuild.lean_json import read_json
from tests.support.imported import HEAVY, imported_by
from tests.support.small_store import make_store

if TYPE_CHECKING:
    from pathlib import Path


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


def test_little_is_imported(store: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers at once imports neither dataclasses nor typing, argparse, pathlib, re or OpenSSL."""
    made = make_store(store, [("web", "1.0")])
    manifest = made.read_current()
    (project / "drivers.toml").write_text("")
    stamp = render_sync_stamp(
        store=str(made.root),
        generation=1,
        declaration=sha256_hex(b""),
        locks=(),
        environments=(),
        interpreters=(),
        signs=("/proc/driver/nvidia/version",),
        text="all is as it was\n",
    )
    (made.cache / "stamp").write_text(stamp)
    monkeypatch.chdir(project)
    assert manifest is not None
    for argv, expected in (
        (("list",), "generation 1"),
        (("which", "web"), manifest.drivers[0].binary),
        (("sync",), "all is as it was"),
    ):
        said, loaded = imported_by(*argv, store=made.root)
        assert expected in said
        assert not loaded & {*HEAVY, "contextlib", "collections"}


def test_list_takes_drivers(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the named ones are shown, as text and JSON; an unknown one is a usage error with the known ones."""
    root = str(make_store(store, [("web", "1.0"), ("asr", "2.0")]).root)
    assert main(["list", "asr", "--store", root], {}) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["asr"]
    assert main(["list", "asr", "--store", root, "--format", "json"], {}) == 0
    assert list(json.loads(capsys.readouterr().out)["drivers"]) == ["asr"]
    assert main(["list", "asr", "web", "tts", "--store", root], {}) == 2
    assert "the current generation (1) has no driver 'tts'" in capsys.readouterr().err
