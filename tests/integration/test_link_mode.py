"""`link-mode` in a store's settings: what environments share with the caches, and with one another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def locked(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver, locked."""
    index.add(command_wheel("web", requires=("base",)), Wheel(name="base"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def _shared(store: Path) -> list[str]:
    files = [path for path in (store / "current/web/").rglob("*") if path.is_file()]
    return [path.name for path in files if not path.is_symlink() and path.stat().st_nlink > 1]


@pytest.mark.parametrize("mode", ["copy", "clone"])
def test_nothing_is_shared(locked: CommandLine, store: Path, mode: str) -> None:
    """Neither a wheel's files nor their bytecode can be changed through another environment."""
    store.mkdir()
    (store / "settings.toml").write_text(f'link-mode = "{mode}"\n')
    locked("sync", check=True)
    assert _shared(store) == []
    locked("verify", check=True)


def test_the_content_does_not_depend_on_it(locked: CommandLine, store: Path) -> None:
    """A linked and a copied environment have one key and the same files."""
    locked("sync", check=True)
    assert _shared(store)
    receipt = next((store / "receipts").glob("*.json"))
    before = json.loads(receipt.read_text())
    receipt.unlink()
    (store / "settings.toml").write_text('link-mode = "copy"\n')
    locked("sync", check=True)
    assert _shared(store) == []
    after = json.loads(receipt.read_text())
    assert after["files"] == before["files"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('link-mode = "symlink"\n', "there are: hardlink, copy, clone"),
        ('link-mod = "copy"\n', "did you mean link-mode?"),
        ("link-mode =\n", "cannot be read"),
    ],
)
def test_bad_settings(locked: CommandLine, store: Path, text: str, words: str) -> None:
    """A mistake is said, and nothing is built."""
    store.mkdir()
    (store / "settings.toml").write_text(text)
    result = locked("sync")
    assert result.code == 2
    assert words in result.stderr
    assert not list(store.glob("envs/*"))
