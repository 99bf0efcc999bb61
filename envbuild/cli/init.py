"""`init`."""

from __future__ import annotations

from envbuild.cli.options import Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def init(context: Context, _arguments: Arguments) -> Outcome:
    """Write a declaration to start with."""
    from envbuild.commands.init import init as command
    from envbuild.report.init import init_table, render_init

    result = command(context.declaration_path)
    return Outcome(code=0, text=lambda: render_init(result), table=lambda: init_table(result))


VERBS = (
    Verb(
        name="init",
        summary="write a drivers.toml with comments, to start with",
        run=init,
        uses_store=False,
        uses_declaration=False,
    ),
)
