"""`store`: what a store holds, and its removal."""

from __future__ import annotations

import sys

from envbuild.cli.options import Arguments, Parameter, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome


@Verb(
    "store",
    Parameter(
        "action",
        "ACTION",
        "`info` or `remove`",
        choices=("info", "remove"),
    ),
    flag("--yes", "remove it and ask nothing"),
    trusts=("store",),
    only_reads=lambda arguments: arguments.action == "info",
)
def store(context: Context, arguments: Arguments) -> Outcome:
    """Show what the store holds, or remove all of it."""
    from envbuild.cli.unused_store import unused
    from envbuild.commands.store import remove_store, store_info
    from envbuild.report.outcome import outcome_of
    from envbuild.report.whole_store import (
        info_table,
        removed_table,
        render_info,
        render_removed,
    )
    from envbuild.store.guard import require_store

    if arguments.action == "info":
        if not context.store.exists() and (empty := unused(context, {"root": None})) is not None:
            return empty
        return outcome_of(store_info(context.store), render_info, info_table)
    require_store(context.store.root)
    if not arguments.yes:
        _confirm(context.store.root)
    return outcome_of(remove_store(context.store), render_removed, removed_table)


def _confirm(root: Path) -> None:
    """Ask the user at the terminal; UsageError without one, NoError if the answer is not yes."""
    from envbuild.errors import NoError, Problem, UsageError
    from envbuild.text import text_of

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        message = f"{root} is removed only after a question, and there is no terminal to ask at"
        raise UsageError(Problem(message=message, hint="give --yes"))
    question = f"Remove the store {root}, with every environment and generation? Type `yes`:"
    sys.stderr.write(text_of([question]))
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise NoError(Problem(message="nothing was removed"))
