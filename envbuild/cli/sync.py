"""`sync`."""

from __future__ import annotations

import sys

from envbuild.cli.folders import are_own, follows, is_own_declaration, may_follow, store_root
from envbuild.cli.options import (
    BUILD_JOBS,
    ENABLED_DRIVERS,
    JOBS,
    OFFLINE,
    Arguments,
    Parameter,
    flag,
)
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.build.builder import Applied
    from envbuild.cli.context import Context
    from envbuild.commands.sync import SyncResult
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.store.plan import Plan
    from envbuild.text import Text


_ABOUT_RELEASES = ("only_from", "fetch", "build", "rebuild", "allow_older", "insecure")
"""The options that need a source of a release."""


def _at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """The output if nothing has changed since the last sync."""
    from envbuild.cli.stamp import synced

    root = store_root(arguments, environment)
    if arguments.drivers or arguments.dry_run or arguments.variant:
        return None
    if arguments.no_cache_keep or arguments.refresh_exports:
        return None
    if any(getattr(arguments, name) for name in _ABOUT_RELEASES if name != "only_from"):
        return None
    if may_follow(root, arguments, environment):
        from envbuild.cli.release_stamp import followed

        return followed(root, arguments, environment) if are_own(root) else None
    if arguments.only_from:
        return None
    if environment.get("ENVBUILD_HOST_FACTS"):  # a stamp is about the host as it is
        return None
    is_own = are_own(root) and is_own_declaration(arguments)
    return synced(root, arguments.file) if is_own else None


@Verb(
    "sync",
    ENABLED_DRIVERS,
    Parameter(
        "--from",
        "SOURCE",
        "follow the release there: dir:PATH, tar:PATH, oci://HOST/REPOSITORY:TAG or https://…; "
        "can be given several times, in the order in which they are asked (default: $ENVBUILD_FROM)",
        repeats=True,
        default=(),
        dest="origins",
    ),
    flag("--only-from", "use no index: only the release and what this host has"),
    flag("--fetch", "with --from: only download the release; do not switch"),
    flag("--build", "with --fetch: build the environments too"),
    flag("--rebuild", "with --from: also build what was released for another path or Python"),
    flag("--allow-older", "follow a release that has expired, or is older than the last one"),
    flag("--insecure", "with --from: allow a registry or a web root without TLS"),
    flag("--dry-run", "print the plan and do nothing"),
    OFFLINE,
    flag("--keep-going", "when some drivers fail, switch to the others"),
    flag("--refresh-exports", "then write the exports with exact paths again"),
    flag("--no-cache-keep", "then remove the store's caches, as for a layer of an image"),
    Parameter("--variant", "NAME", "build this variant, whatever accelerator the host has"),
    JOBS,
    BUILD_JOBS,
    at_once=_at_once,
)
def sync(context: Context, arguments: Arguments) -> Outcome:
    """Build what the lockfiles say, and switch to it."""
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.lines import render_failures
    from envbuild.report.outcome import outcome_of
    from envbuild.report.sync import render_sync, sync_table

    keep_others_from_writing()
    with context.progress() as progress:
        result = _sync(context, arguments, progress)
    if arguments.no_cache_keep and not arguments.dry_run and not result.failures:
        _drop_cache(context)
    if arguments.refresh_exports and not arguments.dry_run and not result.failures:
        from envbuild.cli.export import refresh_exports

        refresh_exports(context)
    sys.stderr.write(render_failures(result.failures))
    return outcome_of(result, render_sync, sync_table, code=result.exit_code)


def _drop_cache(context: Context) -> None:
    from envbuild.store.trash import Trash
    from envbuild.store.unused_wheels import take_cache

    trash = Trash(folder=context.store.trash)
    take_cache(context.store, trash)
    trash.empty()


def _sync(context: Context, arguments: Arguments, progress: Progress) -> SyncResult:
    from envbuild.cli.sync_steps import leave_stamp, plan_sync, warn_of_file_system
    from envbuild.commands.sync import SyncResult

    _refuse_elsewhere(context)
    if follows(str(context.store.root), arguments, context.environment):
        from envbuild.cli.following import follow

        result = follow(context, arguments, progress)
        if result is not None:
            return result
    else:
        _refuse_without_sources(arguments)
    plan = plan_sync(context, arguments, progress)
    if arguments.dry_run or plan.is_empty:
        result = SyncResult(plan=plan, applied=None, manifest=context.store.read_current())
    else:
        context.store.prepare()
        if plan.builds:
            warn_of_file_system(context, progress)
        applied = _apply(context, arguments, plan, progress)
        result = SyncResult(plan=plan, applied=applied, manifest=applied.manifest)
    as_it_is = not (context.environment.get("ENVBUILD_HOST_FACTS") or arguments.variant)
    if as_it_is and not arguments.dry_run and not arguments.drivers and not result.failures:
        leave_stamp(context, context.declaration.digest, result, "stamp")
    return result


def _refuse_elsewhere(context: Context) -> None:
    """HostError if the store stands at another path than its environments name."""
    from envbuild.errors import HostError
    from envbuild.store.generations import elsewhere, readable_manifest

    root = context.store.root
    manifest = readable_manifest(root, context.store.current_number())
    moved = elsewhere(root, manifest) if manifest is not None else None
    if moved is not None:
        raise HostError(moved)


def _refuse_without_sources(arguments: Arguments) -> None:
    """UsageError for options that are about a release, without a source of one."""
    from envbuild.errors import Problem, UsageError

    given = [name for name in _ABOUT_RELEASES if getattr(arguments, name)]
    if given:
        raise UsageError(
            Problem(
                key=f"--{name.replace('_', '-')}",
                message="requires the source of a release, and none is given",
                hint="name it with --from, in $ENVBUILD_FROM, or as [[source]] in the store's settings.toml",
            )
            for name in given
        )


def _apply(context: Context, arguments: Arguments, plan: Plan, progress: Progress) -> Applied:
    from envbuild.cli.building import open_builder

    jobs = arguments.jobs or context.cpus
    with open_builder(
        context,
        progress,
        offline=arguments.offline,
        jobs=jobs,
        build_jobs=arguments.build_jobs,
    ) as builder:
        return builder.apply(plan, keep_going=arguments.keep_going)
