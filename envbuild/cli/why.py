"""`why` and `tree`."""

from __future__ import annotations

from envbuild.cli.options import DRIVER, Parameter, Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def why(context: Context, arguments: Arguments) -> Outcome:
    """Say what brings a package to a driver."""
    from envbuild.commands.why import why as command
    from envbuild.report.why import render_why, why_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.package)
    return Outcome(code=0, text=lambda: render_why(result), table=lambda: why_table(result))


def tree(context: Context, arguments: Arguments) -> Outcome:
    """Show what a driver holds, and who asks for it."""
    from envbuild.commands.why import tree as command
    from envbuild.report.why import render_tree, tree_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.target)
    return Outcome(code=0, text=lambda: render_tree(result), table=lambda: tree_table(result))


VERBS = (
    Verb(
        name="why",
        summary="show every chain of requirements from a driver to a package",
        run=why,
        parameters=(
            DRIVER,
            Parameter(name="package", metavar="PACKAGE", help="the package's name"),
        ),
        uses_store=False,
        uses_declaration=False,
    ),
    Verb(
        name="tree",
        summary="show a driver's packages, and what requires each",
        run=tree,
        parameters=(
            DRIVER,
            Parameter(
                name="--target",
                metavar="TARGET",
                help="the target, as the lockfile calls it (default: the lockfile's first)",
            ),
        ),
        uses_store=False,
        uses_declaration=False,
    ),
)
