"""The plan of a gc: what it would remove and what it keeps."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.environment.lease import Process


@value
class StoredGeneration:
    """The facts of a generation that a gc needs."""

    number: int
    created: str | None
    """UTC, `2026-11-20T10:00:00Z`; None if its manifest cannot be read."""

    environments: tuple[str, ...]
    """The folder names of all environments that it may need."""


@value
class StoredEnvironment:
    """The facts of an environment that a gc needs."""

    name: str
    created: str | None
    """When it was built (UTC); None without a receipt, because the build never finished."""

    processes: tuple[Process, ...]
    """The processes that run from it."""

    busy: bool
    """Whether another envbuild builds it or is about to use it."""

    leased: bool = False
    """Whether any process holds its lease, even a process that this user cannot see."""

    size: int | None = None
    """The bytes of its files, shared or not; None without a receipt."""

    pythons: tuple[str, ...] = ()
    """The folder names of the managed Pythons that it needs."""

    exported: tuple[str, ...] = ()
    """The exported files that name it."""


@value
class StoredPython:
    """The facts of a managed Python that a gc needs."""

    name: str
    """Its folder name, such as `cpython-3.12.9-linux-x86_64-gnu`."""

    installed: str | None
    """When its installation finished (UTC); None if it never did."""

    processes: tuple[Process, ...] = ()
    """Processes that run it."""


@value
class Kept:
    """Something that stays, with the reasons."""

    subject: str
    """An environment's or a managed Python's folder name, or `generation N`."""

    reasons: tuple[str, ...]


@value
class GcPlan:
    """The plan of a gc: generations are removed first, so that none names a removed environment."""

    generations: tuple[int, ...]
    environments: tuple[str, ...]
    kept: tuple[Kept, ...]
    pythons: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.generations and not self.environments and not self.pythons


def plan_gc(
    *,
    generations: tuple[StoredGeneration, ...],
    environments: tuple[StoredEnvironment, ...],
    current: int | None,
    keep: int,
    before: str | None = None,
) -> GcPlan:
    """Keep the current generation and the newest others, `keep` in all, with what they need.

    Nothing made since `before` (UTC) is removed.
    Newest means the highest number, regardless of dates.
    """
    reasons = {item.number: _generation_reason(item, current, before) for item in generations}
    free = keep - (current in reasons)
    for number in sorted(reasons, reverse=True):
        if number != current and free > 0:
            reasons[number] = reasons[number] or f"one of the {keep} newest"
            free -= 1
    kept = [
        Kept(subject=f"generation {number}", reasons=(reason,))
        for number, reason in sorted(reasons.items())
        if reason
    ]
    gone = []
    for item in sorted(environments, key=lambda item: item.name):
        why = (*_needed_by(item, generations, reasons, current), *_reasons(item, before))
        if why:
            kept.append(Kept(subject=item.name, reasons=why))
        else:
            gone.append(item.name)
    return GcPlan(
        generations=tuple(sorted(number for number, reason in reasons.items() if not reason)),
        environments=tuple(gone),
        kept=tuple(kept),
    )


def plan_pythons(
    *,
    pythons: tuple[StoredPython, ...],
    environments: tuple[StoredEnvironment, ...],
    before: str,
) -> tuple[tuple[str, ...], tuple[Kept, ...]]:
    """The managed Pythons that nothing needs, and those that stay with the reasons.

    `environments` are those that stay. A Python installed since `before` (UTC) stays,
    because a sync may be about to use it.
    """
    gone = []
    kept = []
    for item in pythons:
        reasons = tuple(_python_reasons(item, environments, before))
        if reasons:
            kept.append(Kept(subject=item.name, reasons=reasons))
        else:
            gone.append(item.name)
    return tuple(gone), tuple(kept)


def _python_reasons(
    item: StoredPython, environments: tuple[StoredEnvironment, ...], before: str
) -> Iterator[str]:
    users = [environment.name for environment in environments if item.name in environment.pythons]
    if users:
        yield f"needed by {users[0]}" if len(users) == 1 else f"needed by {len(users)} environments"
    yield from (f"in use by {process}" for process in item.processes)
    if item.installed is not None and item.installed >= before:
        yield f"installed after {before}"


def _generation_reason(
    item: StoredGeneration, current: int | None, before: str | None
) -> str | None:
    if item.number == current:
        return "current"
    if before is not None and (item.created is None or item.created >= before):
        return f"made after {before}"
    return None


def _needed_by(
    item: StoredEnvironment,
    generations: tuple[StoredGeneration, ...],
    reasons: dict[int, str | None],
    current: int | None,
) -> Iterator[str]:
    for generation in generations:
        if reasons[generation.number] and item.name in generation.environments:
            yield "current" if generation.number == current else f"generation {generation.number}"


def _reasons(item: StoredEnvironment, before: str | None) -> Iterator[str]:
    for process in item.processes:
        yield f"lease held by {process}" if process.lease else f"in use by {process}"
    if item.leased and not item.processes:
        yield "lease held by a process that cannot be seen from here"
    if item.busy:
        yield "build running"
    yield from (f"exported in {file}" for file in item.exported)
    if before is not None and item.created is not None and item.created >= before:
        yield f"made after {before}"
