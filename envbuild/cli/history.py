"""`history`."""

from __future__ import annotations

from envbuild.cli.options import Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def history(context: Context, _arguments: Arguments) -> Outcome:
    """List the generations."""
    from envbuild.commands.history import history as command
    from envbuild.report.history import history_table, render_history

    result = command(context.store)
    return Outcome(code=0, text=lambda: render_history(result), table=lambda: history_table(result))


VERBS = (
    Verb(
        name="history",
        summary="list the generations, and what each one changed",
        run=history,
        uses_store=False,
        uses_declaration=False,
    ),
)
