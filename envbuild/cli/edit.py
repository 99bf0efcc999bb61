"""`import`, `add`, `remove` and `edit`: the verbs that change the declaration."""

from __future__ import annotations

from pathlib import Path

from envbuild.cli.options import DRIVER, Parameter, Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.commands.edit import EditResult


def import_(context: Context, arguments: Arguments) -> Outcome:
    """Create drivers from what the user has."""
    from envbuild.commands.edit import import_ as command
    from envbuild.imports.files import read_drafts

    drafts = tuple(
        (source, draft)
        for source in arguments.sources
        for draft in read_drafts(Path(source), engine=arguments.engine)
    )
    path = context.declaration_path
    return _outcome(command(path, context.lock_folder, drafts, name=arguments.name))


def add(context: Context, arguments: Arguments) -> Outcome:
    """Require more."""
    from envbuild.commands.edit import add as command

    requirements = arguments.requirements
    return _outcome(command(context.declaration_path, arguments.driver, requirements))


def remove(context: Context, arguments: Arguments) -> Outcome:
    """Require less, or remove a driver."""
    from envbuild.commands.edit import remove as command

    return _outcome(command(context.declaration_path, arguments.driver, arguments.requirements))


def edit(context: Context, arguments: Arguments) -> Outcome:
    """Set a key."""
    from envbuild.commands.edit import edit as command

    path = context.declaration_path
    return _outcome(command(path, arguments.driver, arguments.key, arguments.value))


def _outcome(result: EditResult) -> Outcome:
    from envbuild.report.edit import edit_table, render_edit

    return Outcome(code=0, text=lambda: render_edit(result), table=lambda: edit_table(result))


_SOURCES = (
    "requirements.in or .txt, what `pip list` prints, pyproject.toml or pipx.toml with groups, "
    "a venv, a gpumod preset (.yaml) or a folder of them, a Xinference model (.json)"
)

VERBS = (
    Verb(
        name="import",
        summary="create drivers from requirements, groups, venvs, presets or models",
        run=import_,
        parameters=(
            Parameter(name="sources", metavar="PATH", count="+", help=_SOURCES),
            Parameter(name="--name", metavar="DRIVER", help="the new driver's name"),
            Parameter(
                name="--engine", metavar="NAME", help="the engine that runs a Xinference model"
            ),
        ),
        uses_store=False,
    ),
    Verb(
        name="add",
        summary="add requirements to a driver; comments and order stay",
        run=add,
        parameters=(
            DRIVER,
            Parameter(
                name="requirements",
                metavar="REQUIREMENT",
                count="+",
                help="a requirement, such as 'numpy>=2'",
            ),
        ),
        uses_store=False,
    ),
    Verb(
        name="remove",
        summary="remove requirements from a driver, or the whole driver",
        run=remove,
        parameters=(
            DRIVER,
            Parameter(
                name="requirements",
                metavar="PACKAGE",
                count="*",
                default=(),
                help="a package that is no longer required (default: remove the driver)",
            ),
        ),
        uses_store=False,
    ),
    Verb(
        name="edit",
        summary="set a key of a driver in the declaration",
        run=edit,
        parameters=(
            DRIVER,
            Parameter(name="key", metavar="KEY", help="such as binary or env.NAME"),
            Parameter(
                name="value",
                metavar="VALUE",
                help="a TOML value; anything else is taken as a string",
            ),
        ),
        uses_store=False,
    ),
)
