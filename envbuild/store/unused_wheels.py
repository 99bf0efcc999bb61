"""Unpacked wheels and bytecode that no environment needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.environment.receipt import read_derivation
from envbuild.posix.file_locks import locked_if_free
from envbuild.wheelcache.built import BuiltWheels
from envbuild.wheelcache.entries import cache_roots

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from envbuild.store.store import Store
    from envbuild.store.trash import Trash


_OTHERS = ("blobs", "publish", "images", "tools", "packed-pythons", "children")
"""What came from releases and bases, and what was packed for others."""


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
    live = _with_built(store, _live_wheels(store))
    unused = unused_entries(store.cache, live)
    others = (store.cache / name for name in _OTHERS)
    return (store.cache / "uv", *others, *unused, *_unused_builds(store, live))


def _unused_builds(store: Store, live: frozenset[str] | None) -> tuple[Path, ...]:
    """The built wheels that no environment needs; all of them stay if that is not known."""
    return () if live is None else tuple(BuiltWheels(store.cache / "built").unused(live))


def _with_built(store: Store, live: frozenset[str] | None) -> frozenset[str] | None:
    """The wheels, and those that were built under the keys among them."""
    if live is None:
        return None
    built = BuiltWheels(store.cache / "built").all()
    return live | {wheel.sha256 for wheel in built if wheel.key in live}


def _live_wheels(store: Store) -> frozenset[str] | None:
    """The sha256 of every file that an environment was built from, and the keys of its builds.

    None if a receipt cannot be read.
    """
    live: set[str] = set()
    for file in store.receipt("x").parent.iterdir():
        if file.suffix != ".json":
            continue
        try:
            wheels = read_derivation(file).digests
        except (OSError, ValueError):
            return None
        if not wheels:
            return None
        live |= set(wheels)
    return frozenset(live)
