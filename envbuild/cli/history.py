"""`history`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb("history", trusts=())
def history(context: Context, _arguments: Arguments) -> Outcome:
    """List the generations, and what each one changed."""
    from envbuild.commands.history import history as command
    from envbuild.report.history import history_table, render_history

    result = command(context.store)
    return outcome_of(result, render_history, history_table)
