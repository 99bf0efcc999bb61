"""`bisect`: the parts that it builds, tries and compares with."""

from __future__ import annotations

import time

from envbuild.cli.options import DRIVER, JOBS, OFFLINE, Arguments, Parameter, flag, positive
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.commands.bisect import BisectResult, Culprit
    from envbuild.commands.side import LockedSide
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.store.plan import Wanted

_PATIENCE = 600
"""Seconds for a command."""


@Verb(
    "bisect",
    DRIVER,
    Parameter(
        "--good",
        "GEN|REV",
        "a generation or a git revision where it works "
        "(default: the newest generation with another environment)",
    ),
    Parameter(
        "--bad",
        "GEN|REV",
        "a generation or a git revision where it fails (default: the lockfile)",
    ),
    flag("--constrain", "add the requirement that excludes the culprit to the declaration"),
    Parameter(
        "--timeout",
        "SECONDS",
        f"seconds after which COMMAND counts as failed (default: {_PATIENCE})",
        parse=positive,
        default=_PATIENCE,
    ),
    OFFLINE,
    JOBS,
    Parameter(
        "command",
        "COMMAND",
        "the test, run with the environment's bin/ on PATH: "
        "exit code 0 for good, 125 for unknown, 128 or more to give up (default: the driver's probes)",
        count="--",
        default=(),
    ),
)
def bisect(context: Context, arguments: Arguments) -> Outcome:
    """Find which changed package broke a driver."""
    from envbuild.report.bisect import bisect_table, render_bisect
    from envbuild.report.outcome import outcome_of

    with context.progress() as progress:
        result = _bisect(context, arguments, progress)
    return outcome_of(result, render_bisect, bisect_table)


def _bisect(context: Context, arguments: Arguments, progress: Progress) -> BisectResult:
    from envbuild.cli.building import open_builder, planner_for
    from envbuild.commands.bisect import BisectResult, describe_culprits, find_culprits
    from envbuild.commands.trials import TrialCommand, Trials, require_probes
    from envbuild.lockfile.moves import TwoLockfiles
    from envbuild.value import replace

    driver, begun = arguments.driver, time.monotonic()
    planner = planner_for(context, progress, offline=arguments.offline, dry_run=False)
    now, locked = planner.want_locked(driver)
    bad = _side(context, arguments.bad, now, locked) if arguments.bad else None
    good = _side(context, arguments.good or _earlier(context, now), now, locked)
    if bad is not None:
        locked = replace(locked, packages=bad.packages)
    sides = TwoLockfiles(good.packages, locked, good.requires, now.target)
    jobs = arguments.jobs or context.cpus
    judge: TrialCommand | None = None
    if arguments.command:
        judge = TrialCommand(
            argv=arguments.command, runner=context.runner, timeout=arguments.timeout
        )
    else:
        require_probes(now, context.declaration.file)
    context.store.prepare()

    def want(lockfile: Lockfile) -> Wanted:
        return planner.want_from(now, lockfile)

    with (
        open_builder(context, progress, offline=arguments.offline, jobs=jobs) as builder,
        Trials(builder, sides, want, judge or context.prober(1), progress.note) as trials,
    ):
        moves = find_culprits(sides, trials.judge)
        culprits = describe_culprits(sides, moves)
    constrained = _constrain(context, driver, culprits) if arguments.constrain else ()
    return BisectResult(
        driver=driver,
        good=good.words,
        bad=bad.words if bad is not None else "what is locked",
        moved=len(sides.moves),
        culprits=culprits,
        tried=trials.tried,
        skipped=trials.skipped,
        seconds=time.monotonic() - begun,
        constrained=constrained,
    )


def _side(context: Context, text: str, now: Wanted, locked: Lockfile) -> LockedSide:
    """The side of a generation's number or a git revision."""
    from envbuild.commands.side import side_at_revision, side_of_generation

    driver, target = locked.driver, now.target
    if text.isdecimal() and int(text) in context.store.generation_numbers():
        return side_of_generation(context.store, int(text), driver, target)
    name = context.declaration_path.name
    return side_at_revision(context.git, text, name, driver, target)


def _earlier(context: Context, now: Wanted) -> str:
    """The newest generation in which the driver has another environment; UsageError if there is none."""
    from envbuild.errors import Problem, UsageError

    place = str(context.store.environment(now.environment))
    for number in sorted(context.store.generation_numbers(), reverse=True):
        manifest = context.store.read_generation(number)
        entry = manifest.driver(now.driver.name) if manifest is not None else None
        if entry is not None and entry.environment != place:
            return str(number)
    message = f"no generation has a different environment of {now.driver.name}"
    raise UsageError(Problem(key="--good", message=message, hint="name a git revision with --good"))


def _constrain(context: Context, driver: str, culprits: tuple[Culprit, ...]) -> tuple[str, ...]:
    """Write what holds the culprits back into the declaration; returns what was written."""
    from envbuild.commands.edit import add

    wanted = tuple(one.requirement for one in culprits if one.requirement is not None)
    if wanted:
        add(context.declaration_path, driver, wanted)
    return wanted
