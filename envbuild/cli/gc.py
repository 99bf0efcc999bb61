"""`gc`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Parameter, Verb, flag, positive
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta

    from envbuild.cli.context import Context

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
    return outcome_of(result, render_gc, gc_table)
