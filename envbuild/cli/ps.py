"""`ps`."""

from __future__ import annotations

from envbuild.cli.options import Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def ps(context: Context, _arguments: Arguments) -> Outcome:
    """Show what runs."""
    from envbuild.commands.ps import ps as command
    from envbuild.report.ps import ps_table, render_ps

    result = command(context.store)
    return Outcome(code=0, text=lambda: render_ps(result), table=lambda: ps_table(result))


VERBS = (
    Verb(
        name="ps",
        summary="show the processes that use the store's environments",
        run=ps,
        uses_store=False,
        uses_declaration=False,
    ),
)
