"""The front door gives just what the whole command line would give, or leaves it to that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from envbuild.cli.quick import split_arguments, store_root


@pytest.mark.parametrize(
    ("argv", "options", "words"),
    [
        (["sync"], {}, ["sync"]),
        (["--store", "/s", "which", "x"], {"--store": "/s"}, ["which", "x"]),
        (["which", "x", "--store=/s", "--env"], {"--store": "/s"}, ["which", "x", "--env"]),
        (["run", "x", "--store", "y"], {}, ["run", "x", "--store", "y"]),
        (["run", "x", "--", "-h"], {}, ["run", "x", "--", "-h"]),
        (["list", "--format", "json"], None, ["list"]),
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
    from argparse import Namespace

    from envbuild.cli.context import Context

    environment = {} if data is None else {"XDG_DATA_HOME": data}
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if data is not None:
        monkeypatch.setenv("XDG_DATA_HOME", data)
    whole = Context(arguments=Namespace(store=None), environment=environment).store.root
    assert store_root({}, environment) == str(whole)


def test_nothing_heavy_is_imported() -> None:
    """What answers at once imports neither dataclasses nor typing, argparse, pathlib or subprocess."""
    code = (
        "import sys; from envbuild.cli.quick import answer; import envbuild.cli.stamp, json;"
        "import envbuild.report.list, hashlib; answer(['list', '--store', '/nowhere'], {});"
        "print(*sorted({'dataclasses', 'typing', 'argparse', 'pathlib', 'subprocess', 'tomllib',"
        " 'rich', 'uv', 'packaging'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    before = subprocess.run(
        [sys.executable, "-I", "-c", "import sys, json, hashlib; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded <= set(before.stdout.split())
