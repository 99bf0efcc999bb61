"""`run --with` and `try`: a driver with other requirements, in an environment of its own."""

from __future__ import annotations

import os
from contextlib import contextmanager

from envbuild.cli.options import DRIVER, WITH, Arguments, Parameter, flag, positive
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import NoReturn

    from envbuild.cli.context import Context
    from envbuild.commands.child import TryResult
    from envbuild.declaration.declaration import Declaration
    from envbuild.environment.probe import ProbeResult
    from envbuild.lockfile.folder import LockFolder
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.store.plan import Wanted

_PATIENCE = 600
"""Seconds for a command that decides whether something is promoted."""


@Verb(
    "try",
    DRIVER,
    WITH,
    flag("--promote", "if it succeeds, write the requirements of --with into the declaration"),
    Parameter(
        "--timeout",
        "SECONDS",
        f"with --promote, seconds after which COMMAND counts as failed (default: {_PATIENCE})",
        parse=positive,
        default=_PATIENCE,
    ),
    Parameter(
        "command",
        "COMMAND",
        "the command to run, with the environment's bin/ on PATH (default: the driver's probes)",
        count="--",
        default=(),
    ),
)
def try_(context: Context, arguments: Arguments) -> Outcome:
    """Try a driver as it is locked, or with other requirements; do not switch."""
    from envbuild.report.child import render_try, try_table
    from envbuild.report.outcome import outcome_of

    with _child(context, arguments) as (wanted, environment):
        if arguments.command and not arguments.promote:
            _become_command(arguments.command, environment)
        result = _judged(context, arguments, wanted, environment)
    return outcome_of(result, render_try, try_table, code=0 if result.passed else 1)


@contextmanager
def child_binary(context: Context, arguments: Arguments) -> Iterator[str]:
    """The path of a driver's binary with other requirements, which gc keeps while the block runs."""
    context.require_trusted_declaration()
    with _child(context, arguments) as (wanted, environment):
        if arguments.promote:
            _promote(context, arguments)
        yield str(environment / "bin" / wanted.driver.binary)


@contextmanager
def _child(context: Context, arguments: Arguments) -> Iterator[tuple[Wanted, Path]]:
    """The environment, built and protected from gc: by a claim, and by its lease once it runs."""
    from envbuild.posix.files import keep_others_from_writing

    _refuse_without_requirements(arguments)
    keep_others_from_writing()
    with context.progress() as progress:
        wanted, declaration = _wanted(context, arguments, progress)
    context.store.prepare()
    with context.store.claiming((wanted.environment,)):
        if not context.store.is_valid(wanted.environment):
            _build(context, wanted, declaration)
        yield wanted, context.store.environment(wanted.environment)


def _refuse_without_requirements(arguments: Arguments) -> None:
    if arguments.promote and not arguments.extra:
        from envbuild.errors import Problem, UsageError

        message = "there is nothing to promote"
        hint = "name requirements with --with"
        raise UsageError(Problem(key="--promote", message=message, hint=hint))


def _wanted(
    context: Context, arguments: Arguments, progress: Progress
) -> tuple[Wanted, Declaration]:
    """What is to be built, and the declaration that names its indexes."""
    from envbuild.cli.building import planner_for
    from envbuild.commands.child import child_folder, declare_child, is_locked
    from envbuild.value import replace

    name = arguments.driver
    planner = planner_for(context, progress, offline=False, dry_run=False)
    now, _ = planner.want_locked(name)
    if not arguments.extra:
        return now, context.declaration
    child = declare_child(context.declaration_path, name, arguments.extra, now.target)
    context.store.prepare()
    folder = child_folder(context.store.cache, name, now.lock, child)
    if not is_locked(folder, child):
        _lock(context, child, folder, progress)
    wanted, _ = replace(planner, declaration=child, folder=folder).want_locked(name)
    return wanted, child


def _lock(context: Context, child: Declaration, folder: LockFolder, progress: Progress) -> None:
    """Lock the child, from the driver's pins."""
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.lock import Locker, Upgrade

    (driver,) = child.drivers
    stored = context.lock_folder.read(driver.name)
    if stored is not None:
        folder.write(stored.lockfile)
    with DeferredIndexes(context, Upgrade()) as indexes:
        locker = Locker(
            declaration=child,
            folder=folder,
            resolver=indexes,
            metadata=indexes,
            progress=progress,
            jobs=1,
        )
        locker.lock((driver.name,), Upgrade())


def _build(context: Context, wanted: Wanted, declaration: Declaration) -> None:
    from envbuild.cli.building import open_builder

    with (
        context.progress() as progress,
        open_builder(
            context, progress, offline=False, jobs=context.cpus, declaration=declaration
        ) as builder,
    ):
        builder.build(wanted)


def _judged(context: Context, arguments: Arguments, wanted: Wanted, environment: Path) -> TryResult:
    """Run the probes, or the command; promote if they succeed."""
    from envbuild.commands.bisect import Verdict
    from envbuild.commands.child import TryResult
    from envbuild.commands.trials import TrialCommand, require_probes

    results: tuple[ProbeResult, ...] = ()
    if arguments.command:
        command = TrialCommand(
            argv=arguments.command, runner=context.runner, timeout=arguments.timeout
        )
        passed = command.judge(environment) is Verdict.GOOD
    else:
        require_probes(wanted, context.declaration.file)
        results = context.prober(1).probe(wanted.driver, environment)
        passed = all(one.failure is None for one in results)
    return TryResult(
        driver=wanted.driver.name,
        environment=str(environment),
        results=results,
        passed=passed,
        promoted=_promote(context, arguments) if passed and arguments.promote else (),
    )


def _promote(context: Context, arguments: Arguments) -> tuple[str, ...]:
    """Write the requirements into the declaration."""
    from envbuild.commands.edit import add

    wanted: tuple[str, ...] = arguments.extra
    add(context.declaration_path, arguments.driver, wanted)
    return wanted


def _become_command(argv: tuple[str, ...], environment: Path) -> NoReturn:
    """Run a command in place of this process; UsageError if there is none."""
    from envbuild.errors import Problem, UsageError
    from envbuild.posix.process import find_program

    path = os.pathsep.join((str(environment / "bin"), os.environ.get("PATH", os.defpath)))
    program = find_program(argv[0], path)
    if program is None:
        message = f"there is no command {argv[0]!r}"
        hint = "name a command of the environment or of this host"
        raise UsageError(Problem(key="COMMAND", message=message, hint=hint))
    variables = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(environment)}
    os.execve(program, argv, variables)  # noqa: S606
