"""`envbuild store` by the real command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.small_store import make_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine


def test_a_store_is_removed_after_a_question(run_envbuild: CommandLine, store: Path) -> None:
    """Without a terminal there is nobody to ask, so `--yes` is needed; what is not there yet is no error for `info`."""
    empty = run_envbuild("store", "info", check=True)
    assert "nothing has been synced" in empty.stdout
    make_store(store, [("web", "1.0")])
    assert run_envbuild("store", "info", "--format", "json", check=True).json["generations"] == 1
    refused = run_envbuild("store", "remove")
    assert refused.code == 2
    assert "give --yes" in refused.stderr
    assert (store / "current").is_symlink()
    assert "removed the store" in run_envbuild("store", "remove", "--yes", check=True).stdout
    assert not store.exists()
