"""`conflicts`."""

from __future__ import annotations

import gc

from envbuild.cli.options import Arguments, Parameter, Verb, drivers, flag
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.conflicts import ConflictsResult


@Verb(
    "conflicts",
    drivers("only these; for one driver, its pairs with all others (default: every enabled one)"),
    Parameter("--svg", "FILE", "also write the matrix as a picture"),
    flag("--groups", "show the largest groups that can share one environment, and what that saves"),
    flag("--solve", "ask the index whether other versions allow the pairs that conflict"),
    trusts=(),
)
def conflicts(context: Context, arguments: Arguments) -> Outcome:
    """Show which drivers can share an interpreter."""
    from envbuild.cli.index_resolver import index_resolver
    from envbuild.commands.conflicts import conflicts as command
    from envbuild.report.conflicts import conflicts_table, render_conflicts

    gc.disable()  # it makes many values, keeps them, and ends
    with index_resolver(context, wanted=arguments.solve) as resolver:
        result = command(
            context.declaration,
            context.lock_folder,
            arguments.drivers,
            groups=arguments.groups,
            resolver=resolver,
        )
    if arguments.svg:
        _write_svg(arguments.svg, result)
    return outcome_of(result, render_conflicts, conflicts_table)


def _write_svg(file: str, result: ConflictsResult) -> None:
    from pathlib import Path

    from envbuild.errors import HostError, Problem
    from envbuild.posix.files import write_atomically
    from envbuild.report.conflicts_svg import render_conflicts_svg

    try:
        write_atomically(Path(file), render_conflicts_svg(result).encode(), keep_mode=True)
    except OSError as error:
        message = f"cannot write the picture: {error.strerror}"
        raise HostError(Problem(file=file, message=message)) from error
