"""`verify --repair`, wired to the host, the store and what builds into it."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from envbuild.build.builder import Builder
    from envbuild.cli.context import Context
    from envbuild.commands.repair import Repaired
    from envbuild.commands.sync import Planner
    from envbuild.progress import Progress
    from envbuild.store.plan import Wanted


def repair(context: Context, drivers: tuple[str, ...]) -> Outcome:
    """Compare what is in use with what was built, and put back what drifted."""
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.progress import shown_progress
    from envbuild.report.verify import render_repair, repair_table
    from envbuild.store.trash import Trash

    keep_others_from_writing()
    with shown_progress(sys.stderr, context.environment) as progress:
        result = _repair(context, drivers, progress)
    Trash(folder=context.store.trash).empty_after()
    return Outcome(
        code=result.exit_code,
        text=lambda: render_repair(result),
        table=lambda: repair_table(result),
    )


def _repair(context: Context, drivers: tuple[str, ...], progress: Progress) -> Repaired:
    from envbuild.build.repair import Repairer
    from envbuild.cli.sync_verb import open_builder, planner_for
    from envbuild.commands.repair import Repair
    from envbuild.store.rebuild import bind_indexes
    from envbuild.store.verifier import Verifier

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
        verifier=Verifier(store=store, workers=jobs),
        repairer=Repairer(store=store, builder_for=builder_for),
        wanted_for=wanted_for,
        interpreter_at=context.interpreters.at,
    ).run(drivers)
