"""`rollback`."""

from __future__ import annotations

from envbuild.cli.folders import are_own, cpus, store_root
from envbuild.cli.options import Arguments, Parameter, Verb, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text


def _at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """What it says after it has gone back; None if the store is somebody else's, or another command switches."""
    from envbuild.commands.rollback import rollback as command
    from envbuild.posix.file_locks import BusyError
    from envbuild.report.history import render_rollback
    from envbuild.store.verifier import Verifier

    root = store_root(arguments, environment)
    if root is None or not are_own(root):
        return None
    verifier = Verifier(root=root, workers=cpus())
    try:
        return render_rollback(command(root, verifier, arguments.generation, patience=0))
    except BusyError:
        return None


@Verb(
    "rollback",
    Parameter(
        "generation",
        "N",
        "the generation's number (default: the one before the current one)",
        count="?",
        parse=positive,
    ),
    at_once=_at_once,
    trusts=("store",),
)
def rollback(context: Context, arguments: Arguments) -> Outcome:
    """Make an earlier generation current again, by one rename."""
    from envbuild.commands.rollback import rollback as command
    from envbuild.report.history import render_rollback, rollback_table
    from envbuild.report.outcome import outcome_of
    from envbuild.store.verifier import Verifier

    root = str(context.store.root)
    result = command(root, Verifier(root=root, workers=cpus()), arguments.generation)
    return outcome_of(result, render_rollback, rollback_table)
