"""The verbs that look after a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context


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

    result = command(context.store, arguments.generation)
    return Outcome(
        code=0, text=lambda: render_rollback(result), table=lambda: rollback_table(result)
    )


def verify(context: Context, arguments: Namespace) -> Outcome:
    """Compare what is in use with what was built."""
    from envbuild.commands.verify import verify as command
    from envbuild.report.verify import render_verify, verify_table
    from envbuild.system.verifier import Verifier

    verifier = Verifier(store=context.store, workers=context.cpus)
    result = command(context.store, verifier, tuple(arguments.drivers), quick=arguments.quick)
    return Outcome(
        code=result.exit_code,
        text=lambda: render_verify(result),
        table=lambda: verify_table(result),
    )


def _number(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


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
    parser.add_argument(
        "--quick", action="store_true", help="compare mode, size, time and inode; hash nothing"
    )


STORE_VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "history": history,
    "rollback": rollback,
    "verify": verify,
}

STORE_ARGUMENTS: tuple[tuple[str, str, Callable[[ArgumentParser], None]], ...] = (
    ("history", "list the generations and what changed", _history),
    ("rollback", "make an earlier generation current, by one rename", _rollback),
    ("verify", "compare every file in use with what was built", _verify),
)
