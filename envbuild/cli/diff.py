"""`diff`."""

from __future__ import annotations

from envbuild.cli.options import Parameter, Verb, flag
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def diff(context: Context, arguments: Arguments) -> Outcome:
    """Compare the lockfiles with a revision or with what is installed."""
    from envbuild.commands.diff import diff_installed, diff_revision
    from envbuild.report.diff import diff_table, render_diff
    from envbuild.store.recipes import files_of_environment

    if arguments.installed:
        _refuse_both(arguments.revision)
        result = diff_installed(
            context.declaration,
            context.lock_folder,
            context.store.require_current(),
            context.host,
            lambda entry: files_of_environment(context.store, entry.environment),
        )
    else:
        result = diff_revision(
            context.declaration,
            context.lock_folder,
            context.git,
            arguments.revision or "HEAD",
            context.declaration_path.name,
        )
    return Outcome(code=0, text=lambda: render_diff(result), table=lambda: diff_table(result))


def _refuse_both(revision: str | None) -> None:
    if revision is not None:
        from envbuild.errors import Problem, UsageError

        message = "`--installed` compares with the current generation, and a revision was named too"
        raise UsageError(Problem(message=message, hint="name one of the two"))


VERBS = (
    Verb(
        name="diff",
        summary="show what the lockfiles change, driver by driver",
        run=diff,
        parameters=(
            Parameter(
                name="revision",
                metavar="REV",
                count="?",
                help="compare with this git revision (default: HEAD)",
            ),
            flag("--installed", "compare with the current generation instead"),
        ),
        uses_store=False,
        uses_declaration=False,
    ),
)
