"""`build`."""

from __future__ import annotations

import sys

from envbuild.cli.options import BUILD_JOBS, ENABLED_DRIVERS, Arguments, Parameter, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.cli.context import Context
    from envbuild.commands.build import BuildResult
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.target.target import Interpreter


@Verb(
    "build",
    ENABLED_DRIVERS,
    flag("--all-targets-here", "for every target whose Python this host has, not only its own"),
    flag("--again", "lock this store's wheel in place of one that was built elsewhere"),
    flag("--offline", "use no index: build only from the store's cache"),
    Parameter("--out", "DIR", "copy the wheels into this folder, for `[[source]] folder`"),
    BUILD_JOBS,
)
def build(context: Context, arguments: Arguments) -> Outcome:
    """Build the packages that come as source, once, and write the wheels' digests into the lockfiles."""
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.build import build_table, render_build
    from envbuild.report.lines import render_failures
    from envbuild.report.outcome import outcome_of

    keep_others_from_writing()
    context.store.prepare()
    with context.progress() as progress:
        result = _build(context, arguments, progress)
    sys.stderr.write(render_failures(result.failures))
    return outcome_of(result, render_build, build_table, code=result.exit_code)


def _build(context: Context, arguments: Arguments, progress: Progress) -> BuildResult:
    from pathlib import Path

    from envbuild.cli.building import open_parts, planner_for
    from envbuild.commands.build import WheelBuilder
    from envbuild.target.target import choose_interpreter

    def python_here(request: str) -> Interpreter | None:
        found = context.interpreters.discover()
        return choose_interpreter(found, (request,), prefer_shareable=False)

    planner = planner_for(context, progress, offline=arguments.offline, dry_run=False)
    with open_parts(
        context, progress, offline=arguments.offline, build_jobs=arguments.build_jobs
    ) as parts:
        builder = WheelBuilder(
            planner=planner,
            provider=parts.provider(),
            python_here=python_here,
            progress=progress,
        )
        result = builder.build(
            arguments.drivers,
            everything=arguments.all_targets_here,
            again=arguments.again,
        )
    if arguments.out is not None:
        _copy(context, Path(arguments.out), result)
    return result


def _copy(context: Context, folder: Path, result: BuildResult) -> None:
    """Copy the wheels that are in the store."""
    import shutil

    from envbuild.errors import HostError, Problem

    wanted = {wheel.sha256 for wheel in result.wheels}
    built = context.built_wheels
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for wheel in built.all():
            if wheel.sha256 in wanted:
                shutil.copyfile(built.root / wheel.key / wheel.name, folder / wheel.name)
    except OSError as error:
        problem = Problem(key="--out", message=f"cannot write {folder}: {error.strerror}")
        raise HostError(problem) from error
