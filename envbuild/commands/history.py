"""`envbuild history`: every generation, and what it changed."""

from __future__ import annotations

from envbuild.store.generations import readable_manifest
from envbuild.store.guard import require_store
from envbuild.store.history import Generation, tell_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.store.store import Store


def history(store: Store) -> tuple[Generation, ...]:
    """Every generation by number; errors as in `require_store`."""
    require_store(store.root)
    manifests = tuple(
        (number, readable_manifest(store.root, number)) for number in store.generation_numbers()
    )
    return tell_history(manifests, store.current_number())
