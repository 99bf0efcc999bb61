"""`lock`, wired to its indexes and its resolver."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from envbuild.cli.context import Context
    from envbuild.commands.lock import LockResult
    from envbuild.progress import Progress

_SIDE_BY_SIDE = 2
"""Resolutions for each processor: a part of each is waiting for the index."""


def lock(context: Context, arguments: Namespace) -> Outcome:
    """Resolve what is stale, or say what is."""
    from envbuild.report.lock import lock_table, render_lock
    from envbuild.report.progress import shown_progress

    names = tuple(arguments.drivers)
    if arguments.check:
        result = _check(context, names)
    else:
        with shown_progress(sys.stderr, context.environment) as progress:
            result = _lock(context, arguments, names, progress)
    return Outcome(
        code=result.exit_code, text=lambda: render_lock(result), table=lambda: lock_table(result)
    )


def _check(context: Context, names: tuple[str, ...]) -> LockResult:
    from envbuild.commands.lock import check_locks

    return check_locks(context.declaration, context.lock_folder, names)


def _lock(
    context: Context, arguments: Namespace, names: tuple[str, ...], progress: Progress
) -> LockResult:
    from packaging.utils import canonicalize_name

    from envbuild.commands.lock import Locker, Upgrade
    from envbuild.system.index_session import index_session
    from envbuild.system.uv_resolver import UvResolver

    packages = tuple(map(canonicalize_name, arguments.upgrade_package))
    with index_session(
        context.declaration,
        context.environment,
        runner=context.runner,
        cache=context.lock_cache,
        timeout=context.index_timeout,
        hashes=True,
    ) as indexes:
        resolver = UvResolver(
            runner=context.runner,
            cache=context.lock_cache / "uv",
            index_environment=indexes.uv.environment,
            explain=indexes.explain_resolution,
        )
        locker = Locker(
            declaration=context.declaration,
            folder=context.lock_folder,
            resolver=resolver,
            metadata=indexes,
            progress=progress,
            jobs=arguments.jobs or _SIDE_BY_SIDE * context.cpus,
        )
        return locker.lock(names, Upgrade(everything=arguments.upgrade, packages=packages))
