"""`verify` and `doctor`: what differs from what was built, and problems on this host."""

from __future__ import annotations

from envbuild.cli.folders import are_own, cpus, store_root
from envbuild.cli.options import Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from envbuild.build.builder import Builder
    from envbuild.cli.context import Context
    from envbuild.commands.doctor import Doctor
    from envbuild.commands.repair import Repaired
    from envbuild.commands.sync import Planner
    from envbuild.declaration.declaration import Declaration
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.store.manifest import Manifest
    from envbuild.store.plan import Wanted
    from envbuild.text import Text


def _at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """The output of `verify --quick` if nothing differs."""
    if not arguments.quick:
        return None
    from envbuild.commands.verify import verify as command
    from envbuild.report.verify import render_verify
    from envbuild.store.verifier import Verifier

    root = store_root(arguments, environment)
    result = command(root, Verifier(root=root, workers=cpus()), arguments.drivers, quick=True)
    return render_verify(result) if result.exit_code == 0 else None


@Verb(
    "verify",
    drivers("only these (default: everything that a generation names)"),
    flag("--quick", "compare mode, size, time and inode; hash no file", group="how"),
    flag("--repair", "restore what differs, from newly downloaded files", group="how"),
    at_once=_at_once,
    only_reads=lambda arguments: not arguments.repair,
)
def verify(context: Context, arguments: Arguments) -> Outcome:
    """Compare every file in use with what was built."""
    if arguments.repair:
        return _repair(context, arguments.drivers)
    from envbuild.commands.verify import verify as command
    from envbuild.report.outcome import outcome_of
    from envbuild.report.verify import render_verify, verify_table

    root = str(context.store.root)
    result = command(root, context.verifier, arguments.drivers, quick=arguments.quick)
    if not arguments.quick and not arguments.drivers and are_own(root, f"{root}/cache"):
        from envbuild.store.last_run import record_run, verified_file

        record_run(verified_file(context.store.cache), (one.message for one in result.findings))
    return outcome_of(result, render_verify, verify_table, code=result.exit_code)


def _repair(context: Context, drivers: tuple[str, ...]) -> Outcome:
    from envbuild.report.outcome import outcome_of
    from envbuild.report.verify import render_repair, repair_table

    result = repair_all(context, drivers)
    return outcome_of(result, render_repair, repair_table, code=result.exit_code)


def repair_all(context: Context, drivers: tuple[str, ...]) -> Repaired:
    """Compare everything in use with how it was built, and restore what drifted."""
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.store.trash import Trash

    keep_others_from_writing()
    with context.progress() as progress:
        result = _repair_all(context, drivers, progress)
    Trash(folder=context.store.trash).empty_after()
    return result


def _repair_all(context: Context, drivers: tuple[str, ...], progress: Progress) -> Repaired:
    from functools import cache

    from envbuild.build.repair import Repairer
    from envbuild.cli.building import open_builder, planner_for
    from envbuild.commands.repair import Repair
    from envbuild.store.rebuild import bind_indexes

    store, jobs = context.store, context.cpus

    @cache
    def planner() -> Planner:
        return planner_for(context, progress, offline=False, dry_run=False)

    def wanted_for(driver: str) -> Wanted:
        return planner().plan((driver,)).wanted[0]

    def builder_for(wanted: Wanted) -> AbstractContextManager[Builder]:
        store.prepare()
        declaration = bind_indexes(context.declaration, wanted.files)
        return open_builder(context, progress, offline=False, jobs=jobs, declaration=declaration)

    return Repair(
        store=store,
        verifier=context.verifier,
        repairer=Repairer(store=store, builder_for=builder_for),
        wanted_for=wanted_for,
        interpreter_at=context.interpreters.at,
    ).run(drivers)


@Verb(
    "doctor",
    Parameter(
        "--unit",
        "FILE",
        "also say what each ExecStart of these unit files would start",
        count="+",
        repeats=True,
        default=(),
    ),
    trusts=("store",),
)
def doctor(context: Context, arguments: Arguments) -> Outcome:
    """Look for problems on this host."""
    from envbuild.cli.unused_store import unused
    from envbuild.commands.doctor import Diagnosis, check_units
    from envbuild.report.outcome import outcome_of
    from envbuild.report.verify import doctor_table, render_doctor
    from envbuild.store.guard import require_store

    nothing = Diagnosis(facts=(), findings=(), warnings=(), units=())
    if not arguments.unit and (empty := unused(context, doctor_table(nothing))) is not None:
        return empty
    require_store(context.store.root)
    manifest = context.store.require_current()
    files = (file for group in arguments.unit for file in group)
    units = check_units(context.store, manifest, tuple(files))
    declaration = context.declaration if context.is_declared else None
    result = doctor_of(context, manifest, declaration).examine(units)
    return outcome_of(result, render_doctor, doctor_table, code=result.exit_code)


def doctor_of(context: Context, manifest: Manifest, declaration: Declaration | None) -> Doctor:
    """What looks for problems on this host; without a declaration, only for those of what is built."""
    from envbuild.commands.doctor import Doctor
    from envbuild.target.host import probe_host

    return Doctor(
        store=context.store,
        manifest=manifest,
        host=probe_host(context.runner, context.environment),
        runner=context.runner,
        environment=context.environment,
        declaration=declaration,
        lock_folder=context.lock_folder,
    )
