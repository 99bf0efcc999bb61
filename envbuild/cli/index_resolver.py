"""The resolver over the declared indexes, for as long as a command asks them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.cli.context import Context
    from envbuild.resolution.resolution import Resolver


@contextmanager
def index_resolver(context: Context, *, wanted: bool) -> Iterator[Resolver | None]:
    """A resolver for as long as the block runs, or None where none is wanted."""
    if not wanted:
        yield None
        return
    from envbuild.cli.deferred_indexes import DeferredIndexes

    with DeferredIndexes(context) as indexes:
        yield indexes.resolver
