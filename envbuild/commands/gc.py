"""`envbuild gc`: take away what nothing uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from envbuild.errors import NoError, Problem
from envbuild.garbage import plan_gc
from envbuild.system.collector import Collector, cache_to_take, take_cache
from envbuild.system.store_guard import require_store
from envbuild.system.trash import Trash, count_bytes
from envbuild.system.write_refusal import unwritable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta

    from envbuild.garbage import GcPlan
    from envbuild.system.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class GcOptions:
    """What the user asked for."""

    keep: int = 3
    """How many generations stay, the current one counted; at least 1."""

    older_than: timedelta | None = None
    """Nothing younger is taken away; None takes whatever its age."""

    dry_run: bool = False
    cache: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What a gc did, or would do."""

    plan: GcPlan
    """As it was carried out."""

    dry_run: bool
    freed: int
    """Bytes of disk: an inode counts once, and only where its last link goes."""

    cache: bool
    """Whether the caches were taken away too."""

    cache_kept: str | None
    """Why the caches were not, though that was asked for."""


def gc(store: Store, options: GcOptions) -> Collected:
    """Plan, and unless it is a dry run take away; deleting goes on after this returns.

    Errors as in `require_store`; NoError where no generation is current,
    HostError where the store cannot be written.
    """
    require_store(store)
    before = None
    if options.older_than is not None:
        before = (datetime.now(UTC) - options.older_than).strftime("%Y-%m-%dT%H:%M:%SZ")
    if options.dry_run:
        return _foresee(store, options, before)
    try:
        return _collect(store, options, before)
    except OSError as error:
        raise unwritable(store.root, error) from error


def _collect(store: Store, options: GcOptions, before: str | None) -> Collected:
    collector = Collector(store=store)
    trash = Trash(folder=store.trash)
    with store.switching():
        plan, places = collector.take(_plan(collector, options.keep, before))
    kept = None
    if options.cache:
        taken = take_cache(store, trash)
        kept = None if taken is not None else "a sync is using them"
        places = (*places, *(taken or ()))
    freed = count_bytes(places)
    trash.empty_after()
    return Collected(
        plan=plan,
        dry_run=False,
        freed=freed,
        cache=options.cache and kept is None,
        cache_kept=kept,
    )


def _foresee(store: Store, options: GcOptions, before: str | None) -> Collected:
    plan = _plan(Collector(store=store), options.keep, before)
    places = [store.environment(name) for name in plan.environments]
    if options.cache:
        places += cache_to_take(store)
    freed = count_bytes(places)
    return Collected(plan=plan, dry_run=True, freed=freed, cache=options.cache, cache_kept=None)


def _plan(collector: Collector, keep: int, before: str | None) -> GcPlan:
    generations = collector.generations()
    current = collector.store.current_number()
    if generations and current not in [generation.number for generation in generations]:
        message = "no generation is current, so nobody can tell what is needed"
        hint = "run `envbuild rollback N` first"
        raise NoError(Problem(message=message, hint=hint))
    return plan_gc(
        generations=generations,
        environments=collector.environments(),
        current=current,
        keep=keep,
        before=before,
    )
