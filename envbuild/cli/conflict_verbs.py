"""The verbs that compare drivers and explain packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.commands.conflicts import ConflictsResult


def conflicts(context: Context, arguments: Namespace) -> Outcome:
    """Say which drivers could share an interpreter."""
    from envbuild.cli.index_resolver import index_resolver
    from envbuild.commands.conflicts import conflicts as command
    from envbuild.report.conflicts import conflicts_table, render_conflicts

    with index_resolver(context, wanted=arguments.solve) as resolver:
        result = command(
            context.declaration,
            context.lock_folder,
            tuple(arguments.drivers),
            groups=arguments.groups,
            resolver=resolver,
        )
    if arguments.svg:
        _write_svg(Path(arguments.svg), result)
    return Outcome(
        code=0, text=lambda: render_conflicts(result), table=lambda: conflicts_table(result)
    )


def _write_svg(path: Path, result: ConflictsResult) -> None:
    from envbuild.errors import HostError, Problem
    from envbuild.report.conflicts_svg import render_conflicts_svg
    from envbuild.system.files import write_atomically

    try:
        write_atomically(path, render_conflicts_svg(result).encode())
    except OSError as error:
        message = f"cannot write it: {error.strerror}"
        raise HostError(Problem(file=str(path), message=message)) from error


def _conflicts_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "drivers",
        metavar="DRIVER",
        nargs="*",
        help="just these; of one, its pairs with all others (default: every enabled one)",
    )
    parser.add_argument("--svg", metavar="FILE", help="write the matrix as a picture as well")
    parser.add_argument(
        "--groups",
        action="store_true",
        help="show the largest groups that could share one environment, and what that would save",
    )
    parser.add_argument(
        "--solve",
        action="store_true",
        help="ask the index whether other versions would allow the pairs that conflict",
    )


CONFLICT_VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "conflicts": conflicts,
}

CONFLICT_ARGUMENTS: tuple[tuple[str, str, Callable[[ArgumentParser], None]], ...] = (
    (
        "conflicts",
        "show which drivers could share an interpreter, and why others cannot",
        _conflicts_arguments,
    ),
)
