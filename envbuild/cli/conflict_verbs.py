"""The verbs that compare drivers and explain packages."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.commands.conflicts import ConflictsResult
    from envbuild.lockfile.git import Git


def conflicts(context: Context, arguments: Namespace) -> Outcome:
    """Say which drivers could share an interpreter."""
    from envbuild.cli.index_resolver import index_resolver
    from envbuild.commands.conflicts import conflicts as command
    from envbuild.report.conflicts import conflicts_table, render_conflicts

    _leave_garbage()
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


def why(context: Context, arguments: Namespace) -> Outcome:
    """Say what brings a package to a driver."""
    from envbuild.commands.why import why as command
    from envbuild.report.why import render_why, why_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.package)
    return Outcome(code=0, text=lambda: render_why(result), table=lambda: why_table(result))


def tree(context: Context, arguments: Namespace) -> Outcome:
    """Show what a driver holds, and who asks for it."""
    from envbuild.commands.why import tree as command
    from envbuild.report.why import render_tree, tree_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.target)
    return Outcome(code=0, text=lambda: render_tree(result), table=lambda: tree_table(result))


def diff(context: Context, arguments: Namespace) -> Outcome:
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
            git_of(context),
            arguments.revision or "HEAD",
            context.declaration_path.name,
        )
    return Outcome(code=0, text=lambda: render_diff(result), table=lambda: diff_table(result))


def check(context: Context, arguments: Namespace) -> Outcome:
    """Check declaration and lockfiles as a pull request would."""
    from envbuild.cli.check_format import check_text, write_summary
    from envbuild.cli.index_resolver import index_resolver
    from envbuild.commands.check import Checker
    from envbuild.lockfile.host_check import parse_host
    from envbuild.report.check import check_table

    _leave_garbage()
    with index_resolver(context, wanted=arguments.solve) as resolver:
        checker = Checker(
            declaration=context.declaration,
            folder=context.lock_folder,
            declaration_name=context.declaration_path.name,
            resolver=resolver,
            allow_replaced=arguments.allow_replaced_files,
            built=context.shared_paths_of,
            host=parse_host(arguments.host) if arguments.host is not None else None,
        )
        against = arguments.against
        result = checker.check(git_of(context) if against is not None else None, against)
    if arguments.format == "github":
        write_summary(result, context.environment)
    return Outcome(
        code=result.exit_code,
        text=lambda: check_text(result, arguments.format, context.environment),
        table=lambda: check_table(result),
    )


def _leave_garbage() -> None:
    """Do without the collector: these verbs make many values, keep them, and end."""
    gc.disable()


def git_of(context: Context) -> Git:
    """Git in the folder of the declaration."""
    from envbuild.lockfile.git import find_git

    folder = str(context.declaration_path.absolute().parent)
    return find_git(context.runner, context.environment, folder)


def _refuse_both(revision: str | None) -> None:
    if revision is not None:
        from envbuild.errors import Problem, UsageError

        message = "`--installed` compares with the current generation, and a revision was named too"
        raise UsageError(Problem(message=message, hint="name one of the two"))


def _write_svg(path: Path, result: ConflictsResult) -> None:
    from envbuild.errors import HostError, Problem
    from envbuild.posix.files import write_atomically
    from envbuild.report.conflicts_svg import render_conflicts_svg

    try:
        write_atomically(path, render_conflicts_svg(result).encode(), keep_mode=True)
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


def _why_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")
    parser.add_argument("package", metavar="PACKAGE")


def _tree_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")
    parser.add_argument("--target", metavar="TARGET", help="default: the lockfile's first")


def _diff_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("revision", metavar="REV", nargs="?", help="a git revision (default: HEAD)")
    parser.add_argument(
        "--installed", action="store_true", help="compare with the current generation instead"
    )


def _check_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--against", metavar="REV", help="compare with a git revision: what this change does"
    )
    parser.add_argument(
        "--allow-replaced-files",
        action="store_true",
        help="with --against: a locked file that came back with other bytes is a warning, no error",
    )
    parser.add_argument(
        "--host",
        metavar="KIND=VERSION",
        help="also check for a host with this accelerator, such as cuda=12.4",
    )
    parser.add_argument(
        "--solve",
        action="store_true",
        help="ask the index about broken rules and new conflicts; nothing else uses the network",
    )


CONFLICT_VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "conflicts": conflicts,
    "why": why,
    "tree": tree,
    "diff": diff,
    "check": check,
}

CONFLICT_ARGUMENTS: tuple[tuple[str, str, Callable[[ArgumentParser], None]], ...] = (
    ("conflicts", "show which drivers could share an interpreter", _conflicts_arguments),
    ("why", "show every chain that brings a package to a driver", _why_arguments),
    ("tree", "show what a driver holds and who asks for it", _tree_arguments),
    ("diff", "show what the lockfiles change, driver by driver", _diff_arguments),
    ("check", "check lockfiles and rules, as a pull request would", _check_arguments),
)

MORE_FORMATS = {"check": ("markdown", "github", "sarif")}
"""What a verb prints beyond text and JSON; named after the verb."""
