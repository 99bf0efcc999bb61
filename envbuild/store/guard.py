"""Whether a folder is a store that this version may look into, or take things from."""

from __future__ import annotations

from envbuild.errors import HostError, NoError, Problem
from envbuild.store.marker import MARKER, check_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.store.store import Store


def require_store(store: Store) -> None:
    """Refuse what is no store.

    NoError where nothing is there; HostError for a folder of other things, for one that cannot be read,
    and for a store of a newer format.
    """
    try:
        if not store.root.exists() or not any(store.root.iterdir()):
            message = f"nothing was ever synced into {store.root}"
            raise NoError(Problem(message=message, hint="run `envbuild sync`"))
        if not store.exists():
            message = f"{store.root} is no store: it has no {MARKER}"
            raise HostError(Problem(message=message, hint="name the store with --store"))
        check_format(store.root / MARKER)
    except OSError as error:
        message = f"cannot read the store: {error.filename}: {error.strerror}"
        raise HostError(Problem(message=message)) from error
