"""What a `sync` does with and without a release: its plan, and the stamp that it leaves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.commands.sync import SyncResult
    from envbuild.declaration.driver import Driver
    from envbuild.progress import Progress
    from envbuild.store.plan import Plan
    from envbuild.target.target import Interpreter


def plan_sync(
    context: Context,
    arguments: Arguments,
    progress: Progress,
    preferred: Callable[[Driver], Interpreter | None] = lambda _: None,
    among: frozenset[str] | None = None,
) -> Plan:
    """The plan of a sync; UsageError if an environment's path would be too long."""
    from envbuild.cli.building import planner_for
    from envbuild.store.marker import check_environment_path

    planner = planner_for(
        context,
        progress,
        offline=arguments.offline or arguments.only_from,
        dry_run=arguments.dry_run,
        variant=arguments.variant,
        preferred=preferred,
        among=among,
    )
    plan = planner.plan(arguments.drivers)
    for wanted in plan.wanted:
        check_environment_path(context.store.environment(wanted.environment))
    _warn_of_space(context, plan, progress)
    return plan


def _warn_of_space(context: Context, plan: Plan, progress: Progress) -> None:
    """Say it if the disk has less free than the wheels that are to be unpacked there.

    It is no error: what a killed sync had unpacked already is not known to be there.
    """
    if not plan.builds:
        return
    from envbuild.report.lines import render_bytes
    from envbuild.target.host import disk_free
    from envbuild.wheelcache.entries import Entries

    wheels = Entries(context.store.cache / "wheels")
    sizes = {file.sha256: file.size for wanted in plan.builds for file in wanted.files}
    coming = sum(size for sha256, size in sizes.items() if not wheels.has(sha256))
    free = disk_free(context.store.root)
    if coming > free:
        progress.note(
            f"warning: the wheels to unpack have {render_bytes(coming)}, but the disk of "
            f"{context.store.root} has only {render_bytes(free)} free"
        )


def warn_of_file_system(context: Context, progress: Progress) -> None:
    """Say what the store's file system cannot do; HostError if no environment can be built there."""
    from envbuild.posix.shortage import unwritable
    from envbuild.store.file_system import check_file_system
    from envbuild.store.settings import read_settings

    root = context.store.root
    try:
        lacking = check_file_system(root, read_settings(root).link_mode)
    except OSError as error:
        raise unwritable(root, error) from error
    for words in lacking:
        progress.note(f"warning: {words}")


def _are_recorded(plan: Plan) -> bool:
    """Whether each package of the host has a RECORD; without one, only its files say whether it was changed."""
    return all(
        os.path.isfile(f"{one.folder}/RECORD")  # noqa: PTH113
        for item in plan.wanted
        for one in item.derivation.inherited
    )


def leave_stamp(context: Context, declaration: str, result: SyncResult, name: str) -> None:
    """Record what this sync depends on, so that the next one sees at once if nothing has changed.

    `name` is the stamp's, in the store's cache.
    """
    from envbuild.cli.stamp import render_sync_stamp
    from envbuild.posix.files import write_if_changed
    from envbuild.report.sync import render_sync
    from envbuild.target.accelerator import all_kinds
    from envbuild.value import replace

    manifest = result.manifest
    if manifest is None or not _are_recorded(result.plan):
        return
    made = next((os.path.dirname(os.path.dirname(one.environment)) for one in manifest.drivers), "")  # noqa: PTH120
    idle = replace(result.plan, builds=(), dropped=(), switch=False)
    text = render_sync_stamp(
        store=made or str(context.store.root),
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
        signs=(
            *(sign for kind in all_kinds() for sign in kind.signs),
            *sorted(
                {
                    f"{one.folder}/RECORD"
                    for item in idle.wanted
                    for one in item.derivation.inherited
                }
            ),
        ),
        text=render_sync(replace(result, plan=idle, applied=None)),
    )
    write_if_changed(context.store.cache / name, text.encode())
