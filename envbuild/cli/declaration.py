"""The verbs about the declaration: `init`, `import`, `add`, `remove`, `edit` and `show`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from envbuild.cli.folders import DECLARATION
from envbuild.cli.options import DRIVER, Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.edit import EditResult
    from envbuild.lockfile.lockfile import Lockfile


_SOURCES = (
    "requirements.in or .txt, what `pip list` prints, pyproject.toml, pipx.toml, Pipfile, uv.lock, pylock.toml, "
    "conda's environment.yml, a venv, a gpumod preset (.yaml) or a folder of them, a Xinference model (.json)"
)


@Verb(
    "import",
    Parameter("sources", "PATH", _SOURCES, count="+"),
    Parameter("--name", "DRIVER", "the new driver's name"),
    Parameter("--engine", "NAME", "the engine that runs a Xinference model"),
    Parameter(
        "--extra",
        "NAME",
        "also import this extra of a project; can be given several times",
        repeats=True,
        default=(),
        dest="extras",
    ),
    flag("--partial", "leave out what cannot be imported, and say what that is"),
    trusts=("declaration",),
)
def import_(context: Context, arguments: Arguments) -> Outcome:
    """Create drivers from requirements, groups, venvs, presets or models."""
    from envbuild.commands.edit import import_ as command
    from envbuild.imports.files import read_drafts

    path = context.declaration_path
    drafts = tuple(
        (source, draft)
        for source in arguments.sources
        for draft in read_drafts(
            Path(source), base=path.parent, engine=arguments.engine, extras=arguments.extras
        )
    )
    name, partial = arguments.name, arguments.partial
    return _outcome(command(path, context.lock_folder, drafts, name=name, partial=partial))


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
    from envbuild.report.declaration import edit_table, render_edit

    return outcome_of(result, render_edit, edit_table)


@Verb(
    "init",
    flag("--bare", "write no comments, no example and no schema"),
    flag("--schema", "only write the schema beside the declaration, for editors"),
    trusts=(),
)
def init(context: Context, arguments: Arguments) -> Outcome:
    """Write a drivers.toml with comments, to start with."""
    from envbuild.commands.init import init as command
    from envbuild.commands.init import write_schema
    from envbuild.report.declaration import init_table, render_init

    if arguments.schema:
        result = write_schema(context.declaration_path)
    else:
        path = context.declaration_path if arguments.names_file else Path(DECLARATION)
        result = command(path, bare=arguments.bare)
    return outcome_of(result, render_init, init_table)


@Verb("show", drivers("only these (default: all)"), trusts=())
def show(context: Context, arguments: Arguments) -> Outcome:
    """Print what applies to a driver, and where each line comes from."""
    from envbuild.commands.show import show as command
    from envbuild.declaration.file import read_declaration_text
    from envbuild.lockfile.provided_commands import settle_all
    from envbuild.report.declaration import render_show, show_table

    result = command(
        settle_all(context.declaration_here, _readable_lockfiles(context)),
        arguments.drivers,
        read_declaration_text(context.declaration_path),
        context.host_tables,
    )
    return outcome_of(result, render_show, show_table)


def _readable_lockfiles(context: Context) -> dict[str, Lockfile]:
    """The lockfiles that can be read, by driver."""
    from envbuild.errors import LockfileError

    found: dict[str, Lockfile] = {}
    for driver in context.declaration.drivers:
        with suppress(LockfileError):
            stored = context.lock_folder.read(driver.name)
            if stored is not None:
                found[driver.name] = stored.lockfile
    return found
