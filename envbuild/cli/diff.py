"""`diff`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Parameter, Verb, flag
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb(
    "diff",
    Parameter("revision", "REV", "compare with this git revision (default: HEAD)", count="?"),
    flag("--installed", "compare with the current generation instead"),
    trusts=(),
)
def diff(context: Context, arguments: Arguments) -> Outcome:
    """Show what the lockfiles change, driver by driver."""
    from envbuild.commands.diff import diff_installed, diff_revision, files_of_environment
    from envbuild.report.diff import diff_table, render_diff

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
    return outcome_of(result, render_diff, diff_table)


def _refuse_both(revision: str | None) -> None:
    if revision is not None:
        from envbuild.errors import Problem, UsageError

        message = "`--installed` and a revision cannot be used together"
        raise UsageError(Problem(message=message, hint="give only one of them"))
