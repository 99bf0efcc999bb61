"""`import`, `add`, `remove` and `edit`: the verbs that change the declaration."""

from __future__ import annotations

from pathlib import Path

from envbuild.cli.options import DRIVER, Arguments, Parameter, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.edit import EditResult


_SOURCES = (
    "requirements.in or .txt, what `pip list` prints, pyproject.toml or pipx.toml with groups, "
    "a venv, a gpumod preset (.yaml) or a folder of them, a Xinference model (.json)"
)


@Verb(
    "import",
    Parameter("sources", "PATH", _SOURCES, count="+"),
    Parameter("--name", "DRIVER", "the new driver's name"),
    Parameter("--engine", "NAME", "the engine that runs a Xinference model"),
    trusts=("declaration",),
)
def import_(context: Context, arguments: Arguments) -> Outcome:
    """Create drivers from requirements, groups, venvs, presets or models."""
    from envbuild.commands.edit import import_ as command
    from envbuild.imports.files import read_drafts

    drafts = tuple(
        (source, draft)
        for source in arguments.sources
        for draft in read_drafts(Path(source), engine=arguments.engine)
    )
    path = context.declaration_path
    return _outcome(command(path, context.lock_folder, drafts, name=arguments.name))


@Verb(
    "add",
    DRIVER,
    Parameter("requirements", "REQUIREMENT", "a requirement, such as 'numpy>=2'", count="+"),
    trusts=("declaration",),
)
def add(context: Context, arguments: Arguments) -> Outcome:
    """Add requirements to a driver; comments and order stay."""
    from envbuild.commands.edit import add as command

    requirements = arguments.requirements
    return _outcome(command(context.declaration_path, arguments.driver, requirements))


@Verb(
    "remove",
    DRIVER,
    Parameter(
        "requirements",
        "PACKAGE",
        "a package that is no longer required (default: remove the driver)",
        count="*",
        default=(),
    ),
    trusts=("declaration",),
)
def remove(context: Context, arguments: Arguments) -> Outcome:
    """Remove requirements from a driver, or the whole driver."""
    from envbuild.commands.edit import remove as command

    return _outcome(command(context.declaration_path, arguments.driver, arguments.requirements))


@Verb(
    "edit",
    DRIVER,
    Parameter("key", "KEY", "such as binary or env.NAME"),
    Parameter("value", "VALUE", "a TOML value; anything else is taken as a string"),
    trusts=("declaration",),
)
def edit(context: Context, arguments: Arguments) -> Outcome:
    """Set a key of a driver in the declaration."""
    from envbuild.commands.edit import edit as command

    path = context.declaration_path
    return _outcome(command(path, arguments.driver, arguments.key, arguments.value))


def _outcome(result: EditResult) -> Outcome:
    from envbuild.report.edit import edit_table, render_edit

    return outcome_of(result, render_edit, edit_table)
