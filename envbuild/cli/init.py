"""`init`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb("init", trusts=())
def init(context: Context, _arguments: Arguments) -> Outcome:
    """Write a drivers.toml with comments, to start with."""
    from envbuild.commands.init import init as command
    from envbuild.report.edit import init_table, render_init

    result = command(context.declaration_path)
    return outcome_of(result, render_init, init_table)
