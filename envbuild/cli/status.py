"""`status`: one screen for an operator."""

from __future__ import annotations

from envbuild.cli.options import Arguments, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.lock_result import DriverLock
    from envbuild.report.outcome import Outcome


@Verb(
    "status",
    flag("--outdated", "also ask the indexes how many requirements have newer versions"),
    flag("--exit-code", "exit 1 if something needs attention"),
    formats=("text", "json", "prometheus"),
    trusts=(),
)
def status(context: Context, arguments: Arguments) -> Outcome:
    """Show on one screen what is installed, stale, changed, failed or old."""
    import os

    from envbuild.commands.status import status as command
    from envbuild.posix.clock import now
    from envbuild.report.outcome import outcome_of
    from envbuild.report.status import render_status, render_status_metrics, status_table

    locks = _locks(context)
    result = command(
        context.store,
        context.verifier,
        locks,
        _outdated(context, locks) if arguments.outdated and locks is not None else None,
        host=os.uname().nodename,
        created=now(),
    )
    render = render_status_metrics if arguments.format == "prometheus" else render_status
    code = 1 if arguments.exit_code and result.needs_attention else 0
    return outcome_of(result, render, status_table, code=code)


def _locks(context: Context) -> tuple[DriverLock, ...] | None:
    """What `lock --check` says of each driver; None without a declaration."""
    if not context.is_declared:
        return None
    from envbuild.commands.lock import check_locks

    return check_locks(context.declaration, context.lock_folder, (), context.path_changes).drivers


def _outdated(context: Context, locks: tuple[DriverLock, ...]) -> dict[str, int]:
    """How many requirements of each locked driver have newer versions, are yanked or withdrawn."""
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.outdated import outdated
    from envbuild.value import replace

    locked = {one.driver for one in locks if one.digest}
    declaration = context.declaration
    drivers = tuple(one for one in declaration.drivers if one.name in locked)
    with DeferredIndexes(context) as indexes:
        found = outdated(
            replace(declaration, drivers=drivers), context.lock_folder, (), indexes, every=False
        )
    return {one.name: len({package.name for package in one.packages}) for one in found.drivers}
