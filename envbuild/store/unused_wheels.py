"""Which kept wheels, and which of their bytecode, nobody needs any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def unused_entries(cache: Path, live: Collection[str] | None) -> tuple[Path, ...]:
    """Below `<store>/cache`, the entries that may go: those of no `live` wheel (sha256).

    Where None knows which wheels live, those that no environment links.
    What killed syncs left is among them. Nobody may be building meanwhile.
    """
    return tuple(
        entry
        for root in cache_roots(cache)
        for entry in sorted(root.iterdir())
        if entry.name != "locks" and not _is_used(entry, live)
    )


def cache_roots(cache: Path) -> Iterator[Path]:
    """The folders of entries: one of wheels, one of bytecode for each interpreter."""
    yield from (root for root in (cache / "wheels",) if root.is_dir())
    yield from sorted(cache.glob("bytecode/*/"))


def _is_used(entry: Path, live: Collection[str] | None) -> bool:
    if entry.name.startswith(".") or not entry.is_dir():
        return False
    if live is not None:
        return entry.name in live
    with os.scandir(entry) as files:
        return any(file.stat(follow_symlinks=False).st_nlink > 1 for file in files)
