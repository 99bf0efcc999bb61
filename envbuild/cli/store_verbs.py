"""The verbs that look after a store."""

from __future__ import annotations

from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from datetime import timedelta

    from envbuild.cli.context import Context


_DECLARATION = "drivers.toml"
"""Where the declaration is unless the user says so."""

_LONGEST_AGE = 5
"""Digits of an age."""


def history(context: Context, _arguments: Namespace) -> Outcome:
    """List the generations."""
    from envbuild.commands.history import history as command
    from envbuild.report.history import history_table, render_history

    result = command(context.store)
    return Outcome(code=0, text=lambda: render_history(result), table=lambda: history_table(result))


def rollback(context: Context, arguments: Namespace) -> Outcome:
    """Make an earlier generation current."""
    from envbuild.commands.rollback import rollback as command
    from envbuild.report.history import render_rollback, rollback_table
    from envbuild.store.verifier import Verifier

    verifier = Verifier(store=context.store, workers=context.cpus)
    result = command(context.store, verifier, arguments.generation)
    return Outcome(
        code=0, text=lambda: render_rollback(result), table=lambda: rollback_table(result)
    )


def verify(context: Context, arguments: Namespace) -> Outcome:
    """Compare what is in use with what was built."""
    from envbuild.commands.verify import verify as command
    from envbuild.report.verify import render_verify, verify_table
    from envbuild.store.verifier import Verifier

    if arguments.repair:
        from envbuild.cli.repair_verb import repair

        return repair(context, tuple(arguments.drivers))
    verifier = Verifier(store=context.store, workers=context.cpus)
    result = command(context.store, verifier, tuple(arguments.drivers), quick=arguments.quick)
    return Outcome(
        code=result.exit_code,
        text=lambda: render_verify(result),
        table=lambda: verify_table(result),
    )


def gc(context: Context, arguments: Namespace) -> Outcome:
    """Take away what nothing uses."""
    from envbuild.commands.gc import GcOptions
    from envbuild.commands.gc import gc as command
    from envbuild.report.gc import gc_table, render_gc

    options = GcOptions(
        keep=arguments.keep,
        older_than=arguments.older_than,
        dry_run=arguments.dry_run,
        cache=arguments.cache,
        wait=arguments.wait,
    )
    result = command(context.store, options)
    return Outcome(code=0, text=lambda: render_gc(result), table=lambda: gc_table(result))


def ps(context: Context, _arguments: Namespace) -> Outcome:
    """Show what runs."""
    from envbuild.commands.ps import ps as command
    from envbuild.report.ps import ps_table, render_ps

    result = command(context.store)
    return Outcome(code=0, text=lambda: render_ps(result), table=lambda: ps_table(result))


def doctor(context: Context, arguments: Namespace) -> Outcome:
    """Say what does not fit together any more."""
    from envbuild.commands.doctor import Doctor
    from envbuild.commands.doctor_unit import check_units
    from envbuild.report.doctor import doctor_table, render_doctor
    from envbuild.store.guard import require_store
    from envbuild.target.host import probe_host

    require_store(context.store)
    manifest = context.store.require_current()
    files = (file for group in arguments.unit for file in group)
    units = check_units(context.store, manifest, tuple(files))
    declared = context.declaration_path.exists() or arguments.file != _DECLARATION
    result = Doctor(
        store=context.store,
        manifest=manifest,
        host=probe_host(context.runner, context.environment),
        runner=context.runner,
        environment=context.environment,
        declaration=context.declaration if declared else None,
        lock_folder=context.lock_folder,
    ).examine(units)
    return Outcome(
        code=result.exit_code,
        text=lambda: render_doctor(result),
        table=lambda: doctor_table(result),
    )


def _number(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _age(text: str) -> timedelta:
    from argparse import ArgumentTypeError
    from datetime import timedelta

    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], units.get(text[-1:])
    if unit is None or not number.isdecimal() or len(number) > _LONGEST_AGE:
        raise ArgumentTypeError(f"{text!r} is no age such as 12h, 30d or 4w")
    return timedelta(**{unit: int(number)})


def _history(_parser: ArgumentParser) -> None:
    """`history` has no arguments of its own."""


def _rollback(parser: ArgumentParser) -> None:
    parser.add_argument(
        "generation",
        metavar="N",
        nargs="?",
        type=_number,
        default=None,
        help="the generation's number (default: the one before the current)",
    )


def _verify(parser: ArgumentParser) -> None:
    parser.add_argument(
        "drivers", metavar="DRIVER", nargs="*", help="default: everything that a generation names"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--quick", action="store_true", help="compare mode, size, time and inode; hash nothing"
    )
    how.add_argument(
        "--repair", action="store_true", help="put back what drifted, from clean downloads"
    )


def _gc(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        metavar="N",
        type=_number,
        default=3,
        help="how many generations stay, the current one counted (default: 3)",
    )
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        type=_age,
        default=None,
        help="take away only what is older, such as 12h, 30d or 4w",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and do nothing")
    parser.add_argument("--cache", action="store_true", help="take away the caches too")
    parser.add_argument(
        "--wait",
        action="store_true",
        help="return when all is deleted, and say how many bytes that freed; "
        "else deleting goes on afterwards, and the next gc says it",
    )


def _ps(_parser: ArgumentParser) -> None:
    """`ps` has no arguments of its own."""


def _doctor(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--unit",
        metavar="FILE",
        action="append",
        nargs="+",
        default=[],
        help="also say what each ExecStart of these unit files would start",
    )


STORE_VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "history": history,
    "rollback": rollback,
    "verify": verify,
    "gc": gc,
    "ps": ps,
    "doctor": doctor,
}

STORE_ARGUMENTS: tuple[tuple[str, str, Callable[[ArgumentParser], None]], ...] = (
    ("history", "list the generations and what changed", _history),
    ("rollback", "make an earlier generation current, by one rename", _rollback),
    ("verify", "compare every file in use with what was built", _verify),
    ("gc", "take away what nothing uses", _gc),
    ("ps", "show what runs out of the store", _ps),
    ("doctor", "say what does not fit together on this host any more", _doctor),
)
