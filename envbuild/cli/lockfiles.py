"""The verbs that compare what is locked: `why`, `tree`, `diff` and `conflicts`."""

from __future__ import annotations

import gc

from envbuild.cli.options import DRIVER, ENABLED_DRIVERS, Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.text import Text


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
        "--target", "TARGET", "the target, as the lockfile names it (default: its first one)"
    ),
    trusts=(),
)
def tree(context: Context, arguments: Arguments) -> Outcome:
    """Show a driver's packages, and what requires each."""
    from envbuild.commands.why import tree as command
    from envbuild.report.why import render_tree, tree_table

    result = command(context.declaration, context.lock_folder, arguments.driver, arguments.target)
    return outcome_of(result, render_tree, tree_table)


@Verb(
    "diff",
    Parameter("revision", "REV", "compare with this git revision (default: HEAD)", count="?"),
    flag("--installed", "compare with the current generation instead"),
    formats=("text", "json", "markdown"),
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
    if arguments.format == "markdown":
        from envbuild.report.markdown import render_diff_markdown

        return outcome_of(result, render_diff_markdown, diff_table)
    return outcome_of(result, render_diff, diff_table)


def _refuse_both(revision: str | None) -> None:
    if revision is not None:
        from envbuild.errors import Problem, UsageError

        message = "`--installed` and a revision cannot be used together"
        raise UsageError(Problem(message=message, hint="give only one of them"))


@Verb(
    "conflicts",
    drivers("only these; for one driver, its pairs with all others (default: every enabled one)"),
    Parameter("--svg", "FILE", "also write the matrix as a picture"),
    Parameter("--html", "FILE", "also write a page with the matrix and the chains of every pair"),
    flag("--groups", "show the largest groups that can share one environment, and what that saves"),
    flag("--solve", "ask the index whether other versions allow the pairs that conflict"),
    trusts=(),
)
def conflicts(context: Context, arguments: Arguments) -> Outcome:
    """Show which drivers can share an interpreter."""
    from contextlib import nullcontext

    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.conflicts import conflicts as command
    from envbuild.report.conflicts import conflicts_table, render_conflicts

    gc.disable()  # it makes many values, keeps them, and ends
    with DeferredIndexes(context) if arguments.solve else nullcontext() as resolver:
        result = command(
            context.declaration,
            context.lock_folder,
            arguments.drivers,
            groups=arguments.groups or arguments.html is not None,
            explain=arguments.html is not None,
            resolver=resolver,
        )
    if arguments.svg:
        from envbuild.report.conflicts_svg import render_conflicts_svg

        _write(arguments.svg, "the picture", render_conflicts_svg(result))
    if arguments.html:
        from envbuild.report.conflicts_html import render_conflicts_html

        _write(arguments.html, "the page", render_conflicts_html(result))
    return outcome_of(result, render_conflicts, conflicts_table)


def _write(file: str, what: str, content: Text) -> None:
    from pathlib import Path

    from envbuild.errors import HostError, Problem
    from envbuild.posix.files import write_atomically

    try:
        write_atomically(Path(file), content.encode(), keep_mode=True)
    except OSError as error:
        message = f"cannot write {what}: {error.strerror}"
        raise HostError(Problem(file=file, message=message)) from error


@Verb(
    "outdated",
    ENABLED_DRIVERS,
    flag("--all", "also packages that only other packages require"),
    flag("--exit-code", "exit 1 if a package is outdated, yanked or withdrawn"),
    formats=("text", "json", "markdown"),
    trusts=(),
)
def outdated(context: Context, arguments: Arguments) -> Outcome:
    """Show which locked packages have newer versions, and what holds them back."""
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.outdated import outdated as command
    from envbuild.report.outdated import (
        outdated_table,
        render_outdated,
        render_outdated_markdown,
    )

    with DeferredIndexes(context) as indexes:
        result = command(
            context.declaration,
            context.lock_folder,
            arguments.drivers,
            indexes,
            every=arguments.all,
        )
    render = render_outdated_markdown if arguments.format == "markdown" else render_outdated
    code = 1 if arguments.exit_code and result.is_outdated else 0
    return outcome_of(result, render, outdated_table, code=code)
