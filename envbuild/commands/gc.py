"""`envbuild gc`: remove what is unused."""

from __future__ import annotations

import time
from contextlib import suppress

from envbuild.errors import HostError, NoError, Problem
from envbuild.posix.clock import utc
from envbuild.posix.deletion import count_bytes
from envbuild.posix.file_locks import locked_if_free
from envbuild.posix.scratch import remove_leftovers
from envbuild.posix.shortage import unwritable
from envbuild.store.collector import Collector
from envbuild.store.garbage import GcPlan, Kept, plan_gc, plan_pythons
from envbuild.store.guard import require_store
from envbuild.store.processes import count_hidden
from envbuild.store.pythons import stored_pythons, take_pythons
from envbuild.store.trash import Trash
from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta

    from envbuild.store.garbage import StoredEnvironment
    from envbuild.store.store import Store
    from envbuild.store.trash import Emptied

_NEW = 3600.0
"""Seconds for which a new managed Python is kept for its environment."""

_SYNCING = "a sync is running"


@value
class GcOptions:
    """The options of a gc."""

    keep: int = 3
    """How many generations stay, including the current one; at least 1."""

    older_than: timedelta | None = None
    """Nothing newer is removed; None for no limit."""

    dry_run: bool = False
    cache: bool = False
    wait: bool = False
    """Whether to return only after everything is deleted."""


@value
class Collected:
    """The result of a gc."""

    plan: GcPlan
    """As it was carried out."""

    dry_run: bool
    freed: int | None
    """Bytes of disk: an inode counts once, when its last link is deleted;
    None while the deletion is running, because the number is not known yet.
    """

    at_most: int | None
    """The bytes of the removed environments, from their receipts, shared or not;
    None if something without a receipt was removed.
    """

    last: Emptied | None
    """What the previous deletion freed; None if there was none."""

    cache: bool
    """Whether the caches were removed too."""

    cache_kept: str | None
    """Why the caches were not removed, although requested."""

    hidden: int = 0
    """How many processes this user cannot inspect; only their leases and command lines count."""

    @classmethod
    def nothing(cls, *, dry_run: bool) -> Collected:
        """Of a store that has nothing."""
        return cls(
            plan=GcPlan(generations=(), environments=(), kept=()),
            dry_run=dry_run,
            freed=0,
            at_most=0,
            last=None,
            cache=False,
            cache_kept=None,
        )


def gc(store: Store, options: GcOptions) -> Collected:
    """Plan, and remove unless it is a dry run; deletion goes on in the background.

    Errors as in `require_store`; NoError if no generation is current,
    HostError if the store cannot be written.
    """
    require_store(store.root)
    before = None
    if options.older_than is not None:
        before = utc(time.time() - options.older_than.total_seconds())
    if options.dry_run:
        return _foresee(store, options, before)
    try:
        return _collect(store, options, before)
    except OSError as error:
        raise unwritable(store.root, error) from error


def collect_unneeded(store: Store, names: Collection[str]) -> None:
    """Remove those of these environments that no generation and no process needs; nothing else."""
    collector = Collector(store=store)
    with store.switching():
        generations = collector.generations()
        plan = plan_gc(
            generations=generations,
            environments=collector.environments(),
            current=store.current_number(),
            keep=len(generations) + 1,
        )
        gone = tuple(name for name in plan.environments if name in names)
        collector.take(GcPlan(generations=(), environments=gone, kept=()))
    Trash(folder=store.trash).empty()


def _collect(store: Store, options: GcOptions, before: str | None) -> Collected:
    remove_leftovers()
    collector = Collector(store=store)
    trash = Trash(folder=store.trash)
    last = trash.last_emptied()
    with store.switching():
        environments = collector.environments()
        plan = collector.take(_plan(collector, environments, options.keep, before))
    plan = _take_pythons(store, plan, environments, before, trash)
    _take_releases(store, trash)
    kept = None
    if options.cache:
        from envbuild.store.unused_wheels import take_cache

        kept = None if take_cache(store, trash) else "a sync is using them"
    cache = options.cache and kept is None
    freed: int | None = None
    if options.wait or not trash.has_any():
        freed = trash.empty()
    else:
        trash.empty_after()
    return Collected(
        plan=plan,
        dry_run=False,
        freed=freed,
        at_most=None if cache or plan.pythons else _bytes_of(plan, environments),
        last=last,
        cache=cache,
        cache_kept=kept,
        hidden=_hidden(store),
    )


def _hidden(store: Store) -> int:
    """The processes that may run from the store, but cannot be inspected."""
    return count_hidden() if store.is_reachable else 0


def _take_pythons(
    store: Store,
    plan: GcPlan,
    environments: tuple[StoredEnvironment, ...],
    before: str | None,
    trash: Trash,
) -> GcPlan:
    """Remove unused managed Pythons; returns the plan with what was done.

    A running sync may be about to use any of them, so all stay until it has ended.
    """
    planned = _plan_pythons(store, plan, environments, before)
    if not planned.pythons:
        return planned
    with locked_if_free(store.cache_lock, make=True) as free:
        if free and take_pythons(store.pythons, planned.pythons, trash):
            return planned
    kept = tuple(Kept(subject=name, reasons=(_SYNCING,)) for name in planned.pythons)
    return replace(planned, pythons=(), kept=(*planned.kept, *kept))


def _take_releases(store: Store, trash: Trash) -> None:
    """Remove the files of releases that no generation was made from."""
    from envbuild.release.record import FOLDER, ReleaseRecord

    record = ReleaseRecord(folder=store.root / FOLDER)
    with (
        suppress(HostError),  # a damaged record: the next sync that follows a release says so
        locked_if_free(store.cache_lock, make=True) as free,  # no release is being followed
    ):
        for path in record.old_folders(store.generation_numbers()) if free else ():
            trash.take(path)


def _foresee(store: Store, options: GcOptions, before: str | None) -> Collected:
    collector = Collector(store=store)
    environments = collector.environments()
    plan = _plan(collector, environments, options.keep, before)
    plan = _plan_pythons(store, plan, environments, before)
    places = [store.environment(name) for name in plan.environments]
    places += [store.pythons / name for name in plan.pythons]
    if options.cache:
        from envbuild.store.unused_wheels import cache_to_take

        places += cache_to_take(store)
    return Collected(
        plan=plan,
        dry_run=True,
        freed=count_bytes(places),
        at_most=None if options.cache or plan.pythons else _bytes_of(plan, environments),
        last=Trash(folder=store.trash).last_emptied(),
        cache=options.cache,
        cache_kept=None,
        hidden=_hidden(store),
    )


def _plan(
    collector: Collector, environments: tuple[StoredEnvironment, ...], keep: int, before: str | None
) -> GcPlan:
    generations = collector.generations()
    current = collector.store.current_number()
    if generations and current not in [generation.number for generation in generations]:
        message = "no generation is current, so it is unknown what is needed"
        hint = "run `envbuild rollback N` first"
        raise NoError(Problem(message=message, hint=hint))
    return plan_gc(
        generations=generations,
        environments=environments,
        current=current,
        keep=keep,
        before=before,
    )


def _plan_pythons(
    store: Store, plan: GcPlan, environments: tuple[StoredEnvironment, ...], before: str | None
) -> GcPlan:
    """The plan with the managed Pythons that the environments do not need."""
    latest = utc(time.time() - _NEW)
    gone, kept = plan_pythons(
        pythons=stored_pythons(store.pythons),
        environments=tuple(item for item in environments if item.name not in plan.environments),
        before=min(before, latest) if before is not None else latest,
    )
    return replace(plan, pythons=gone, kept=(*plan.kept, *kept))


def _bytes_of(plan: GcPlan, environments: tuple[StoredEnvironment, ...]) -> int | None:
    """The bytes of the removed environments; None if one of them was never valid."""
    sizes = [item.size for item in environments if item.name in plan.environments]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
