"""The verbs about a store as a whole: `history`, `rollback`, `gc` and `ps`."""

from __future__ import annotations

from envbuild.cli.folders import are_own, cpus, store_root
from envbuild.cli.options import Arguments, Parameter, flag, positive
from envbuild.cli.verbs import Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from envbuild.cli.context import Context
    from envbuild.text import Text


@Verb("history", trusts=())
def history(context: Context, _arguments: Arguments) -> Outcome:
    """List the generations, and what each one changed."""
    from envbuild.commands.generations import history as command
    from envbuild.report.store import history_table, render_history

    result = command(context.store)
    return outcome_of(result, render_history, history_table)


def _roll_back_at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """The output after a rollback; None if the store belongs to another user, or another command is switching."""
    from envbuild.commands.generations import rollback as command
    from envbuild.posix.file_locks import BusyError
    from envbuild.report.store import render_rollback
    from envbuild.store.verifier import Verifier

    root = store_root(arguments, environment)
    if arguments.repair or not are_own(root):
        return None
    verifier = Verifier(root=root, workers=cpus())
    version_of = _version_asker(environment)
    try:
        return render_rollback(
            command(root, verifier, arguments.generation, version_of, patience=0)
        )
    except BusyError:
        return None


@Verb(
    "rollback",
    Parameter(
        "generation",
        "N",
        "the generation's number (default: the one before the current one)",
        count="?",
        parse=positive,
    ),
    flag("--repair", "first restore what has changed since it was built"),
    at_once=_roll_back_at_once,
    trusts=("store",),
)
def rollback(context: Context, arguments: Arguments) -> Outcome:
    """Make an earlier generation current again, by one rename."""
    from envbuild.commands.generations import rollback as command
    from envbuild.report.store import render_rollback, rollback_table

    if arguments.repair:
        from envbuild.cli.verify import repair_all

        repair_all(context, ())
    root, version_of = str(context.store.root), _version_asker(context.environment)
    result = command(root, context.verifier, arguments.generation, version_of)
    return outcome_of(result, render_rollback, rollback_table)


def _version_asker(environment: Mapping[str, str]) -> Callable[[str], str | None]:
    """Asks a Python for its version; what that needs is imported when one is asked."""

    def version_of(path: str) -> str | None:
        from envbuild.posix.process import SystemRunner
        from envbuild.python.probe import ask_python

        answer = ask_python(path, SystemRunner(), environment)
        return answer.version if answer is not None else None

    return version_of


_LONGEST_AGE = 5
"""Digits of an age."""


def _age(text: str) -> timedelta:
    from datetime import timedelta

    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], units.get(text[-1:])
    if unit is None or not number.isdecimal() or len(number) > _LONGEST_AGE:
        raise ValueError(f"{text!r} must be an age, such as 12h, 30d or 4w")
    return timedelta(**{unit: int(number)})


@Verb(
    "gc",
    Parameter(
        "--keep",
        "N",
        "how many generations to keep, with the current one (default: 3)",
        parse=positive,
        default=3,
    ),
    Parameter(
        "--older-than",
        "AGE",
        "remove only what is older than this, such as 12h, 30d or 4w",
        parse=_age,
    ),
    flag("--dry-run", "print what would be removed and do nothing"),
    flag("--cache", "remove the caches too"),
    flag("--wait", "delete before the command returns, and print how many bytes that freed"),
    trusts=("store",),
)
def gc(context: Context, arguments: Arguments) -> Outcome:
    """Remove what is unused; deletion goes on in the background."""
    from envbuild.cli.unused_store import unused
    from envbuild.commands.gc import Collected, GcOptions
    from envbuild.commands.gc import gc as command
    from envbuild.report.store import gc_table, render_gc

    options = GcOptions(
        keep=arguments.keep,
        older_than=arguments.older_than,
        dry_run=arguments.dry_run,
        cache=arguments.cache,
        wait=arguments.wait,
    )
    if (empty := unused(context, gc_table(Collected.nothing(dry_run=options.dry_run)))) is not None:
        return empty
    result = command(context.store, options)
    return outcome_of(result, render_gc, gc_table)


@Verb("ps", trusts=())
def ps(context: Context, _arguments: Arguments) -> Outcome:
    """Show the processes that use the store's environments."""
    from envbuild.cli.unused_store import unused
    from envbuild.commands.ps import ps as command
    from envbuild.report.store import ps_table, render_ps

    if (empty := unused(context, ps_table(()))) is not None:
        return empty
    result = command(context.store)
    return outcome_of(result, render_ps, ps_table)
