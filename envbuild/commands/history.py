"""`envbuild history`: the generations that there are."""

from __future__ import annotations

from envbuild.errors import HostError
from envbuild.store.guard import require_store
from envbuild.store.history import Generation, tell_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store


def history(store: Store) -> tuple[Generation, ...]:
    """Every generation by number; errors as in `require_store`."""
    require_store(store.root)
    manifests = tuple((number, _read(store, number)) for number in store.generation_numbers())
    return tell_history(manifests, store.current_number())


def _read(store: Store, number: int) -> Manifest | None:
    try:
        return store.read_generation(number)
    except HostError:
        return None
