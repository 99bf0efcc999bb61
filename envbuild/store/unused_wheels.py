"""Unpacked wheels and bytecode that no environment needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.environment.receipt import read_receipt_wheels
from envbuild.lean_json import open_text
from envbuild.posix.file_locks import locked_if_free
from envbuild.wheelcache.entries import cache_roots

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from envbuild.store.store import Store
    from envbuild.store.trash import Trash


def unused_entries(cache: Path, live: Collection[str] | None) -> tuple[Path, ...]:
    """The entries below `<store>/cache` that can be removed: those of no `live` wheel (sha256).

    If `live` is None, those that no environment links.
    Leftovers of killed syncs are included. No build may run meanwhile.
    """
    return tuple(
        entry
        for root in cache_roots(cache)
        for entry in sorted(root.iterdir())
        if entry.name != "locks" and not _is_used(entry, live)
    )


def _is_used(entry: Path, live: Collection[str] | None) -> bool:
    if entry.name.startswith(".") or not entry.is_dir():
        return False
    if live is not None:
        return entry.name in live
    with os.scandir(entry) as files:
        return any(file.stat(follow_symlinks=False).st_nlink > 1 for file in files)


def take_cache(store: Store, trash: Trash) -> bool:
    """Rename away uv's cache, and the unpacked wheels and bytecode that no environment was built from.

    All of it can be made again. False if somebody uses it.
    """
    with locked_if_free(store.cache_lock, make=True) as free:
        if free:
            for path in cache_to_take(store):
                trash.take(path)
            (store.cache / "uv").mkdir(mode=0o700, parents=True, exist_ok=True)
        return free


def cache_to_take(store: Store) -> tuple[Path, ...]:
    """What `take_cache` would remove."""
    return (store.cache / "uv", *unused_entries(store.cache, _live_wheels(store)))


def _live_wheels(store: Store) -> frozenset[str] | None:
    """The sha256 of every wheel that an environment was built from; None if a receipt cannot be read."""
    live: set[str] = set()
    for file in store.receipt("x").parent.iterdir():
        if file.suffix != ".json":
            continue
        try:
            with open_text(file) as lines:
                wheels = read_receipt_wheels(lines)
        except (OSError, ValueError):
            return None
        if not wheels:
            return None
        live |= set(wheels)
    return frozenset(live)
