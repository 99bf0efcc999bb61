"""The parts of a `sync` that follows a release."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.cli.building import open_builder
from envbuild.cli.folders import DECLARATION
from envbuild.cli.places import open_origins
from envbuild.cli.release_stamp import facts_of, named_sources, origin_fact, render_stamp
from envbuild.cli.sync_steps import leave_stamp, plan_sync, warn_of_file_system
from envbuild.commands.follow import Following
from envbuild.commands.python_layers import take_pythons
from envbuild.commands.selection import select_drivers
from envbuild.commands.sync import SyncResult
from envbuild.digest import sha256_hex
from envbuild.errors import IndexFailureError, NoError, Problem, UsageError
from envbuild.posix.clock import now
from envbuild.posix.files import write_if_changed
from envbuild.release.found import find_release, refuse_old
from envbuild.release.record import SeenRelease
from envbuild.release.signature import why_untrusted
from envbuild.release.stage import Stage
from envbuild.store.settings import read_settings
from envbuild.value import replace
from envbuild.wheelcache.entries import Entries

if TYPE_CHECKING:
    from envbuild.build.builder import Applied
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.progress import Progress
    from envbuild.release.found import FoundRelease
    from envbuild.store.plan import Plan


def follow(context: Context, arguments: Arguments, progress: Progress) -> SyncResult | None:
    """Plan and build what a release says; without a declaration here, the release's is taken.

    None if no source has a release, but this host has its own declaration and lockfiles to use.
    IndexFailureError if no source has a release, or what is built differs from it;
    NoError for a release that is too old, HostError for one that is for other hosts.
    """
    _refuse_odd_options(arguments)
    context.store.prepare()
    with ExitStack() as opened:
        opened.enter_context(context.store.using_cache())
        seen = _origin_seen(context, arguments)
        try:
            following = _find(context, arguments, progress, opened)
        except IndexFailureError as error:
            if not _can_go_on(context, arguments):
                raise
            for problem in error.problems:
                progress.note(f"warning: {problem.lines()[0]}")
            progress.note("warning: this host's own lockfiles are used, with files from the index")
            return None
        _take_files(context, following)
        if not arguments.dry_run:
            take_pythons(following, context.store.pythons)
        plan = _plan(context, arguments, progress, following)
        contents = following.contents(plan)
        result = SyncResult(
            plan=plan,
            applied=None,
            manifest=context.store.read_current(),
            followed=following.found,
        )
        if arguments.dry_run:
            return result
        if not plan.is_empty:
            applied = _apply(context, arguments, progress, following, plan, contents)
            result = replace(result, applied=applied)
            if applied is not None:
                result = replace(result, manifest=applied.manifest)
        if not arguments.fetch and not result.failures:
            _note(context, following, result)
            _leave_stamps(context, arguments, following, result, seen)
        return result


def _plan(context: Context, arguments: Arguments, progress: Progress, following: Following) -> Plan:
    """This host's plan; NoError if its own declaration and the release's lockfiles do not agree."""
    preferred = partial(following.interpreter_for, at=context.interpreters.at)
    released = frozenset(name for name, _ in following.found.release.lockfiles)
    among = None if context.is_declared else released
    try:
        return plan_sync(context, arguments, progress, preferred, among)
    except NoError as error:
        hint = "publish what is declared here; or sync in a folder without a declaration"
        raise error.with_problems(
            replace(
                one,
                message=f"{context.declaration.file} does not agree with the release: {one.message}",
                hint=hint,
            )
            for one in error.problems
        ) from error


def _can_go_on(context: Context, arguments: Arguments) -> bool:
    """Whether a sync without a release has what it needs, and is what was asked for."""
    if any((arguments.only_from, arguments.fetch, arguments.rebuild)):
        return False
    if not Path(arguments.file).exists():
        return False
    drivers = select_drivers(context.declaration, arguments.drivers)
    return all((context.lock_folder.path / f"{one.name}.toml").is_file() for one in drivers)


def _refuse_odd_options(arguments: Arguments) -> None:
    if arguments.build and not arguments.fetch:
        message = "requires --fetch"
        raise UsageError(Problem(key="--build", message=message))
    if arguments.fetch and arguments.dry_run:
        message = "cannot be given with --dry-run, which does nothing"
        raise UsageError(Problem(key="--fetch", message=message))


def _origin_seen(context: Context, arguments: Arguments) -> tuple[str, str] | None:
    """The sole source, and a word that changes with its release, from before the release is read.

    None if there are several, or if the source does not tell: then no stamp is left.
    """
    given = named_sources(arguments, context.environment).split()
    declared = read_settings(context.store.root).sources
    named = given or [text for kind, text in declared if kind == "release"]
    odd = arguments.drivers or arguments.variant or context.environment.get("ENVBUILD_HOST_FACTS")
    if len(named) != 1 or odd or arguments.insecure or arguments.rebuild or arguments.allow_older:
        return None
    if named[0].startswith("oci:"):
        return named[0], ""
    try:
        word = origin_fact(named[0], context.environment)
    except (OSError, ValueError):
        return None
    return None if word is None else (named[0], word)


def _find(
    context: Context, arguments: Arguments, progress: Progress, opened: ExitStack
) -> Following:
    store, settings = context.store, read_settings(context.store.root)
    origins = opened.enter_context(open_origins(context, arguments, settings.sources))
    progress.stage("release", "reading")
    stage = Stage(
        store.cache / "blobs",
        origins,
        note=progress.note,
        heard=partial(progress.downloaded, "release"),
    )
    judge = None
    if settings.trusted_keys:
        judge = partial(
            why_untrusted,
            keys=settings.trusted_keys,
            runner=context.runner,
            environ=context.environment,
        )
    found = find_release(origins, stage, judge, progress.note)
    if not arguments.allow_older:
        record = context.releases
        refuse_old(found, seen=record.newest(), now=max(now(), record.latest()))
    progress.stage("release", f"{found.release.sequence} of {found.place}")
    return Following(
        found=found,
        stage=stage,
        store=str(store.root),
        rebuild=arguments.rebuild,
        only_sources=arguments.only_from,
        built=context.built_wheels,
        note=progress.note,
    )


def _take_files(context: Context, following: Following) -> None:
    """Use the release's lockfiles; and its declaration, unless this host has one or names one."""
    found = following.found
    folder = context.releases.folder / _seen(found).folder
    following.write_files(folder)
    context.take_files(folder, shown=f"{found.place}: locks", declaration=not context.is_declared)


def _apply(
    context: Context,
    arguments: Arguments,
    progress: Progress,
    following: Following,
    plan: Plan,
    contents: dict[str, str],
) -> Applied | None:
    """Fetch, then build and switch; None if only fetching was asked for."""
    if plan.builds:
        warn_of_file_system(context, progress)
    jobs = arguments.jobs or context.cpus
    bytecode = context.bytecode(jobs)
    wheels = Entries(context.store.cache / "wheels")
    builds = arguments.build or not arguments.fetch
    staged = following.deliver(
        plan, wheels.has, lambda one: bytecode.entries(one.interpreter), in_place=builds
    )
    progress.done("release", "fetched")
    if not builds:
        return None
    offline = arguments.offline or arguments.only_from
    places = ((following.found.place, staged),)
    with open_builder(
        context, progress, offline=offline, jobs=jobs, places=places, contents=contents
    ) as builder:
        switching = replace(plan, switch=plan.switch and not arguments.fetch)
        applied = builder.apply(switching, keep_going=arguments.keep_going)
    if not applied.failures:
        following.forget()
    return applied


def _note(context: Context, following: Following, result: SyncResult) -> None:
    """Remember which release the store follows now."""
    found = following.found
    number = result.manifest.generation if result.manifest is not None else None
    context.releases.follow(_seen(found), number, created=found.release.created)


def _leave_stamps(
    context: Context,
    arguments: Arguments,
    following: Following,
    result: SyncResult,
    seen: tuple[str, str] | None,
) -> None:
    """Let the next sync see at once if there is nothing new."""
    if seen is None:
        return
    found, root = following.found, context.store.root
    source, word = seen
    declaration = (context.releases.folder / _seen(found).folder / DECLARATION).read_bytes()
    leave_stamp(context, sha256_hex(declaration), result, "followed-stamp")
    text = render_stamp(
        folder=_seen(found).folder,
        source=source,
        expires=found.release.expires,
        origin=word or found.digest,
        facts=facts_of(
            str(root), named_sources(arguments, context.environment), str(arguments.file)
        ),
    )
    write_if_changed(context.store.cache / "followed", text.encode())


def _seen(found: FoundRelease) -> SeenRelease:
    return SeenRelease(sequence=found.release.sequence, digest=found.digest)
