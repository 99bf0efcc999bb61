"""`ps`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb("ps", trusts=())
def ps(context: Context, _arguments: Arguments) -> Outcome:
    """Show the processes that use the store's environments."""
    from envbuild.commands.ps import ps as command
    from envbuild.report.ps import ps_table, render_ps

    result = command(context.store)
    return outcome_of(result, render_ps, ps_table)
