"""`sync`, and the parts that build into the store."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from envbuild.cli.folders import are_own, is_own_declaration, store_root
from envbuild.cli.options import JOBS, Verb, drivers, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.build.builder import Applied, Builder
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.commands.sync import Planner, SyncResult
    from envbuild.declaration.declaration import Declaration, Driver
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.store.plan import Plan
    from envbuild.target.target import Interpreter
    from envbuild.text import Text


def sync(context: Context, arguments: Arguments) -> Outcome:
    """Plan, and unless it is a dry run apply."""
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.outcome import Outcome
    from envbuild.report.problems import render_problems
    from envbuild.report.progress import shown_progress
    from envbuild.report.sync import render_sync, sync_table

    keep_others_from_writing()
    with shown_progress(sys.stderr, context.environment) as progress:
        result = _sync(context, arguments, progress)
    failed = [problem for failure in result.failures for problem in failure.error.problems]
    sys.stderr.write(render_problems(failed))
    return Outcome(
        code=result.exit_code, text=lambda: render_sync(result), table=lambda: sync_table(result)
    )


def _sync(context: Context, arguments: Arguments, progress: Progress) -> SyncResult:
    from envbuild.commands.sync import SyncResult
    from envbuild.store.path import check_environment_path

    store = context.store
    declaration = context.declaration
    plan = _plan(context, arguments, progress)
    for wanted in plan.wanted:
        check_environment_path(store.environment(wanted.environment))
    if arguments.dry_run or plan.is_empty:
        result = SyncResult(plan=plan, applied=None, manifest=store.read_current())
    else:
        store.prepare()
        applied = _apply(context, arguments, plan, progress)
        result = SyncResult(plan=plan, applied=applied, manifest=applied.manifest)
    if not arguments.dry_run and not arguments.drivers and not result.failures:
        _leave_stamp(context, declaration.digest, result)
    return result


def _plan(context: Context, arguments: Arguments, progress: Progress) -> Plan:
    planner = planner_for(context, progress, offline=arguments.offline, dry_run=arguments.dry_run)
    return planner.plan(tuple(arguments.drivers))


def planner_for(context: Context, progress: Progress, *, offline: bool, dry_run: bool) -> Planner:
    """What turns the declaration and its lockfiles into this host's plan."""
    from envbuild.commands.sync import Planner

    chosen: dict[tuple[tuple[str, ...], bool], Interpreter] = {}

    def interpreter_for(driver: Driver) -> Interpreter:
        if not (chosen or dry_run):  # names and lockfiles are right; a Python may have to come
            context.store.prepare()
        request = (driver.python, driver.python_downloads)
        if request not in chosen:
            chosen[request] = context.interpreter_for(driver, offline=offline, dry_run=dry_run)
        interpreter = chosen[request]
        if context.store.is_reachable and not interpreter.shareable:
            progress.note(
                f"{driver.name}: other users cannot start {interpreter.path}, "
                "on which its environment is built"
            )
        return interpreter

    return Planner(
        declaration=context.declaration_here,
        folder=context.lock_folder,
        host=context.host,
        interpreter_for=interpreter_for,
        current=context.store.read_current(),
        is_valid=context.store.is_valid,
    )


def _apply(context: Context, arguments: Arguments, plan: Plan, progress: Progress) -> Applied:
    jobs = arguments.jobs or context.cpus
    with open_builder(context, progress, offline=arguments.offline, jobs=jobs) as builder:
        return builder.apply(plan, keep_going=arguments.keep_going)


@contextmanager
def open_builder(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    jobs: int,
    declaration: Declaration | None = None,
) -> Iterator[Builder]:
    """What builds into the store, with the indexes open for as long as the block runs.

    They are those of the context's declaration, or of another that is named.
    """
    from envbuild.build.assembly import Assembler
    from envbuild.build.builder import Builder
    from envbuild.build.placing import Placer
    from envbuild.index.session import index_session
    from envbuild.store.settings import read_settings
    from envbuild.uv.installer import UvInstaller
    from envbuild.wheelcache.linker import Linker
    from envbuild.wheelcache.wheels import WheelCache

    settings = read_settings(context.store.root)
    with index_session(
        declaration or context.declaration,
        context.environment,
        runner=context.runner,
        cache=context.store.cache,
        timeout=context.index_timeout,
        deadline=context.index_deadline,
        retries=context.index_retries,
        hashes=False,
    ) as indexes:
        installer = UvInstaller(
            runner=context.runner,
            cache=context.store.cache / "uv",
            index_environment=indexes.uv.environment,
            locked=indexes.locked,
            offline=offline,
            explain=indexes.explain_installation,
            conceal=indexes.uv.without_secret,
            link_mode=settings.link_mode,
        )
        yield Builder(
            store=context.store,
            assembler=Assembler(
                placer=Placer(
                    installer=installer,
                    progress=progress,
                    wheels=WheelCache(context.store.cache / "wheels"),
                    bytecode=context.bytecode(jobs),
                    staging=context.store.staging,
                ),
                linker=Linker(runner=context.runner, jobs=min(jobs, context.cpus)),
                link_mode=settings.link_mode,
            ),
            progress=progress,
            jobs=jobs,
            declared_in=context.declaration.file,
            gate=context.gate(jobs, progress),
        )


def _leave_stamp(context: Context, declaration: str, result: SyncResult) -> None:
    """Note what this sync rested on, so that the next one can see at once that nothing has changed."""
    from envbuild.cli.stamp import render_sync_stamp
    from envbuild.posix.files import write_if_changed
    from envbuild.report.sync import render_sync
    from envbuild.value import replace

    manifest = result.manifest
    if manifest is None:
        return
    idle = replace(result.plan, builds=(), dropped=(), switch=False)
    text = render_sync_stamp(
        generation=manifest.generation,
        declaration=declaration.removeprefix("sha256:"),
        locks=((item.driver.name, item.lock.removeprefix("sha256:")) for item in idle.wanted),
        environments=(item.environment for item in idle.wanted),
        interpreters=sorted(
            {
                (item.interpreter.path, item.interpreter.size, item.interpreter.mtime_ns)
                for item in idle.wanted
            }
        ),
        text=render_sync(replace(result, plan=idle, applied=None)),
    )
    write_if_changed(context.store.cache / "stamp", text.encode())


def _at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """What it says if nothing has changed since the last sync."""
    from envbuild.cli.stamp import synced

    root = store_root(arguments, environment)
    if root is None or arguments.drivers or arguments.dry_run:
        return None
    is_own = are_own(root) and is_own_declaration(arguments)
    return synced(root, arguments.file) if is_own else None


VERBS = (
    Verb(
        name="sync",
        summary="build what the lockfiles say, and switch to it",
        run=sync,
        at_once=_at_once,
        parameters=(
            drivers("only these (default: every enabled one)"),
            flag("--dry-run", "print the plan and do nothing"),
            flag("--offline", "ask no index: use only what the store's cache holds"),
            flag("--keep-going", "when some drivers fail, switch to the others"),
            JOBS,
        ),
    ),
)
