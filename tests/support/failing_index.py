"""Commands over an index that fails, and what they may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.indexes import FAILED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Result
    from tests.support.fault_proxy import FaultProxy


def through(proxy: FaultProxy) -> dict[str, str | None]:
    """The environment that leads the command line through the proxy, without patience."""
    return {"ENVBUILD_HTTP_TIMEOUT": "1", "ENVBUILD_INDEX_DEFAULT_URL": proxy.url}


def assert_failed(result: Result, words: str) -> None:
    """Exit 4, one plain message, and no traceback."""
    assert result.code == FAILED, result
    assert words in result.stderr, result
    assert "Traceback" not in result.stderr, result


def environments(store: Path) -> list[str]:
    """What the store holds of environments, receipts and generations."""
    folders = (store / name for name in ("envs", "receipts", "generations"))
    found = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [*found, *(["current"] if (store / "current").is_symlink() else [])]
