"""`why` and `tree`."""

from __future__ import annotations

from envbuild.cli.options import DRIVER, Arguments, Parameter, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb(
    "why",
    DRIVER,
    Parameter("package", "PACKAGE", "the package's name"),
    trusts=(),
)
def why(context: Context, arguments: Arguments) -> Outcome:
    """Show every chain of requirements from a driver to a package."""
    from envbuild.commands.why import why as command
    from envbuild.report.why import render_why, why_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.package)
    return outcome_of(result, render_why, why_table)


@Verb(
    "tree",
    DRIVER,
    Parameter(
        "--target", "TARGET", "the target, as the lockfile calls it (default: the lockfile's first)"
    ),
    trusts=(),
)
def tree(context: Context, arguments: Arguments) -> Outcome:
    """Show a driver's packages, and what requires each."""
    from envbuild.commands.why import tree as command
    from envbuild.report.why import render_tree, tree_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.target)
    return outcome_of(result, render_tree, tree_table)
