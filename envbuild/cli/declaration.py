"""The verbs about the declaration: `init`, `import`, `add`, `remove`, `edit` and `show`."""

from __future__ import annotations

import sys
from pathlib import Path

from envbuild.cli.folders import DECLARATION
from envbuild.cli.options import DRIVER, Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.edit import EditResult
    from envbuild.imports.draft import Draft
    from envbuild.imports.surroundings import Importable


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
    flag("--partial", "skip what cannot be imported, and list it"),
    trusts=("declaration",),
)
def import_(context: Context, arguments: Arguments) -> Outcome:
    """Create drivers from requirements, groups, venvs, presets or models."""
    from envbuild.commands.edit import import_ as command

    path = context.declaration_path
    drafts = _drafts(arguments.sources, path.parent, arguments.engine, arguments.extras)
    name, partial = arguments.name, arguments.partial
    return _outcome(command(path, context.lock_folder, drafts, name=name, partial=partial))


def _drafts(
    sources: tuple[str, ...], base: Path, engine: str | None = None, extras: tuple[str, ...] = ()
) -> tuple[tuple[str, Draft], ...]:
    """Each source with a driver that it proposes."""
    from envbuild.imports.files import read_drafts

    return tuple(
        (source, draft)
        for source in sources
        for draft in read_drafts(Path(source), base=base, engine=engine, extras=extras)
    )


@Verb(
    "add",
    DRIVER,
    Parameter("requirements", "REQUIREMENT", "a requirement, such as 'numpy>=2'", count="+"),
    trusts=("declaration",),
)
def add(context: Context, arguments: Arguments) -> Outcome:
    """Add requirements to a driver; comments and order stay."""
    from envbuild.commands.edit import add as command

    return _outcome(
        command(
            context.declaration_path,
            arguments.driver,
            arguments.requirements,
            pythons=lambda: _host_pythons(context),
        )
    )


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
    flag("--yes", "import what is found here, without a question"),
    flag("--from-running", "also look for the venvs of processes that run on this host"),
    flag("--bare", "look for nothing, and write no comments, no example and no schema"),
    flag("--schema", "only write the schema beside the declaration, for editors"),
    trusts=(),
)
def init(context: Context, arguments: Arguments) -> Outcome:
    """Write a first drivers.toml, with comments or from what is found here."""
    from envbuild.commands.init import InitResult, refuse_existing, write_schema
    from envbuild.commands.init import init as command
    from envbuild.report.declaration import init_table, render_init
    from envbuild.value import replace

    if arguments.schema:
        return outcome_of(write_schema(context.declaration_path), render_init, init_table)
    if not arguments.names_file:
        context.declaration_path = Path(DECLARATION)
    path = context.declaration_path
    refuse_existing(path)
    importables = _importables(context, arguments)
    chosen = importables if arguments.yes else _chosen(importables)
    result: InitResult = command(
        path,
        bare=arguments.bare,
        pythons=_host_pythons(context),
        drafts=_drafts(tuple(name for one in chosen for name in one.paths), path.parent),
        folder=context.lock_folder,
    )
    rest = tuple(one for one in importables if one not in chosen)
    return outcome_of(replace(result, importable=rest), render_init, init_table)


def _importables(context: Context, arguments: Arguments) -> tuple[Importable, ...]:
    """What could be imported; nothing if a bare declaration is wanted."""
    if arguments.bare:
        return ()
    from envbuild.imports.surroundings import look_around, running_venvs

    found = look_around(context.declaration_path.parent)
    return (*found, *running_venvs(context.store.root)) if arguments.from_running else found


def _chosen(importables: tuple[Importable, ...]) -> tuple[Importable, ...]:
    """Those that the user at the terminal wants; none without a terminal."""
    if not importables or not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return ()
    from envbuild.text import text_of

    rows = [
        f"  {number}  {', '.join(one.paths)}  ({one.about})"
        for number, one in enumerate(importables, 1)
    ]
    sys.stderr.write(text_of(["found here:", *rows]))
    while True:
        sys.stderr.write(text_of(["Import which? Numbers, `all`, or Enter for none:"]))
        sys.stderr.flush()
        words = sys.stdin.readline().replace(",", " ").split()
        if words == ["all"]:
            return importables
        if all(word.isdecimal() and 1 <= int(word) <= len(importables) for word in words):
            wanted = {int(word) for word in words}
            return tuple(one for number, one in enumerate(importables, 1) if number in wanted)


def _host_pythons(context: Context) -> tuple[str, ...]:
    """The minor versions of this host's Pythons, its own first; empty if they cannot be listed."""
    from envbuild.errors import HostError
    from envbuild.python.interpreters import host_minors

    try:
        return host_minors(context.interpreters_known_in(context.lock_cache).discover())
    except HostError:
        return ()


@Verb("show", drivers("only these (default: all)"), trusts=())
def show(context: Context, arguments: Arguments) -> Outcome:
    """Print what applies to a driver, and where each line comes from."""
    from envbuild.commands.show import show as command
    from envbuild.declaration.file import read_declaration_text
    from envbuild.lockfile.provided_commands import settle_all
    from envbuild.report.declaration import render_show, show_table

    result = command(
        settle_all(
            context.declaration_here,
            context.lock_folder.readable(driver.name for driver in context.declaration.drivers),
        ),
        arguments.drivers,
        read_declaration_text(context.declaration_path),
        context.host_tables,
    )
    return outcome_of(result, render_show, show_table)
