"""`help`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Parameter
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome


@Verb(
    "help",
    Parameter("command", "COMMAND", "the command (default: envbuild itself)", count="?"),
    trusts=(),
)
def help_(_context: Context, arguments: Arguments) -> Outcome:
    """Show the help of a command."""
    from envbuild.cli.arguments import known_verb, render_help
    from envbuild.report.outcome import Outcome
    from envbuild.text import text_of

    verb = None if arguments.command is None else known_verb(arguments.command)
    text = render_help(verb).rstrip("\n")
    return Outcome(code=0, text=lambda: text_of(text.split("\n")), table=lambda: {"help": text})
