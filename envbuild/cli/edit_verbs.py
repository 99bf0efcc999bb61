"""`import`, `add`, `remove` and `edit`, wired to the declaration's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from envbuild.cli.context import Context
    from envbuild.commands.edit import EditResult


def import_(context: Context, arguments: Namespace) -> Outcome:
    """Begin drivers out of what there is."""
    from envbuild.commands.edit import import_ as command
    from envbuild.imports.files import read_drafts

    drafts = tuple(
        (source, draft)
        for source in arguments.sources
        for draft in read_drafts(Path(source), engine=arguments.engine)
    )
    path = context.declaration_path
    return _outcome(command(path, context.lock_folder, drafts, name=arguments.name))


def add(context: Context, arguments: Namespace) -> Outcome:
    """Require more."""
    from envbuild.commands.edit import add as command

    requirements = tuple(arguments.requirements)
    return _outcome(command(context.declaration_path, arguments.driver, requirements))


def remove(context: Context, arguments: Namespace) -> Outcome:
    """Require less, or remove a driver."""
    from envbuild.commands.edit import remove as command

    return _outcome(
        command(context.declaration_path, arguments.driver, tuple(arguments.requirements))
    )


def edit(context: Context, arguments: Namespace) -> Outcome:
    """Set a key."""
    from envbuild.commands.edit import edit as command

    path = context.declaration_path
    return _outcome(command(path, arguments.driver, arguments.key, arguments.value))


def _outcome(result: EditResult) -> Outcome:
    from envbuild.report.edit import edit_table, render_edit

    return Outcome(code=0, text=lambda: render_edit(result), table=lambda: edit_table(result))
