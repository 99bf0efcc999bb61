"""Take away what a store's caches keep for nobody; whatever else is cached has its line in `cache_to_take`."""

from __future__ import annotations

from envbuild.environment.receipt import read_receipt_wheels
from envbuild.posix.file_locks import locked_if_free
from envbuild.store.unused_wheels import unused_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.store.store import Store
    from envbuild.store.trash import Trash


def take_cache(store: Store, trash: Trash) -> bool:
    """Rename the caches away: uv's whole, and kept wheels and bytecode that no environment was built of.

    All of it can be made anew. False where somebody uses it.
    """
    with locked_if_free(store.cache_lock, make=True) as free:
        if free:
            for path in cache_to_take(store):
                trash.take(path)
            (store.cache / "uv").mkdir(mode=0o700, parents=True, exist_ok=True)
        return free


def cache_to_take(store: Store) -> tuple[Path, ...]:
    """What `take_cache` would take."""
    return (store.cache / "uv", *unused_entries(store.cache, _live_wheels(store)))


def _live_wheels(store: Store) -> frozenset[str] | None:
    """The sha256 of every wheel that an environment was built of; None where a receipt does not tell."""
    live: set[str] = set()
    for file in store.receipt("x").parent.iterdir():
        if file.suffix != ".json":
            continue
        try:
            with file.open(encoding="utf-8", errors="surrogateescape") as lines:
                wheels = read_receipt_wheels(lines)
        except (OSError, ValueError):
            return None
        if not wheels:
            return None
        live |= set(wheels)
    return frozenset(live)
