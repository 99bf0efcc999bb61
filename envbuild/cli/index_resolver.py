"""The resolver over the declared indexes, and the indexes themselves, for as long as a command asks them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.cli.context import Context
    from envbuild.resolution import Resolver
    from envbuild.system.index.session import IndexSession
    from envbuild.system.uv.resolver import UvResolver


def resolver_over(context: Context, indexes: IndexSession) -> UvResolver:
    """A resolver over indexes that are open."""
    from envbuild.system.uv.resolver import UvResolver

    return UvResolver(
        runner=context.runner,
        cache=context.lock_cache / "uv",
        index_environment=indexes.uv.environment,
        explain=indexes.explain_resolution,
        conceal=indexes.uv.without_secret,
    )


@contextmanager
def index_resolver(context: Context, *, wanted: bool) -> Iterator[Resolver | None]:
    """A resolver for as long as the block runs, or None where none is wanted."""
    if not wanted:
        yield None
        return
    from envbuild.system.index.session import index_session

    with index_session(
        context.declaration,
        context.environment,
        runner=context.runner,
        cache=context.lock_cache,
        timeout=context.index_timeout,
        retries=context.index_retries,
        hashes=True,
    ) as indexes:
        yield resolver_over(context, indexes)
