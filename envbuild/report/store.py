"""What `envbuild history`, `rollback`, `gc` and `ps` print."""

from __future__ import annotations

from collections import Counter

from envbuild.report.diff import SIGNS, render_change
from envbuild.report.lines import column_lines, render_bytes, render_count
from envbuild.report.list import named_variant
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.commands.gc import Collected
    from envbuild.commands.generations import RolledBack
    from envbuild.commands.ps import Running
    from envbuild.finding import Finding
    from envbuild.lockfile.difference import DriverDiff
    from envbuild.store.history import Generation
    from envbuild.text import Text


_SHOWN = 8


def render_history(generations: Iterable[Generation]) -> Text:
    """Every generation on a line, with its drivers and changes."""
    lines = [line for generation in generations for line in _generation_lines(generation)]
    return text_of(lines or ["there is no generation yet"])


def history_table(generations: Iterable[Generation]) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generations": [
            {
                "generation": generation.number,
                "current": generation.current,
                "readable": generation.manifest is not None,
                "created": generation.manifest.created if generation.manifest else None,
                "declaration": generation.manifest.declaration if generation.manifest else None,
                "drivers": {
                    driver.name: {"version": driver.version, "environment": driver.environment}
                    for driver in (generation.manifest.drivers if generation.manifest else ())
                },
                "changes": [_change_table(change) for change in generation.changes],
            }
            for generation in generations
        ]
    }


def render_rollback(result: RolledBack) -> Text:
    """The new current generation, and its changes."""
    if result.before == result.after:
        return text_of([f"generation {result.after} is current already", *_passed_over(result)])
    head = f"generation {result.after} is current again"
    if result.before is not None:
        head += f", instead of {result.before}"
    changes = (f"  {_change_line(change)}" for change in result.changes)
    return text_of([head, *changes, *_passed_over(result)])


def _passed_over(result: RolledBack) -> Iterator[str]:
    """The caches that were passed over, by environment, and the Pythons that changed."""
    caches, pythons = _by_kind(result)
    for finding in pythons:
        yield f"{finding.subject}: {finding.message}"
    counts = Counter(finding.subject for finding in caches)
    for environment, count in counts.items():
        what = render_count(count, "cache")
        yield f"{environment}: passed over {what} that processes wrote; `envbuild verify --repair` removes them"


def _by_kind(result: RolledBack) -> tuple[list[Finding], list[Finding]]:
    """What was passed over: caches, and the rest, which is about Pythons."""
    caches = [finding for finding in result.passed_over if str(finding.code) == "drift-cache"]
    return caches, [finding for finding in result.passed_over if finding not in caches]


def rollback_table(result: RolledBack) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    caches, pythons = _by_kind(result)
    return {
        "before": result.before,
        "generation": result.after,
        "switched": result.before != result.after,
        "changes": [_change_table(change) for change in result.changes],
        "caches": [finding_table(finding) for finding in caches],
        "pythons": [finding_table(finding) for finding in pythons],
    }


def _generation_lines(generation: Generation) -> Iterator[str]:
    mark = "  (current)" if generation.current else ""
    manifest = generation.manifest
    if manifest is None:
        yield f"{generation.number}  its manifest cannot be read{mark}"
        return
    drivers = ", ".join(f"{driver.name} {driver.version}" for driver in manifest.drivers)
    yield f"{generation.number}  {manifest.created}  {drivers or 'no drivers'}{mark}"
    yield from (f"   {_change_line(change)}" for change in generation.changes)


def _change_line(change: DriverDiff) -> str:
    """`~ asr 1.0 → 1.1: numpy 2.0 → 2.1`: the driver's versions, then those of each package."""
    if change.kind in ("added", "removed"):
        return f"{SIGNS[change.kind]} {change.driver} {change.versions}"
    moved = [render_change(one).removeprefix("~ ") for one in change.changes[:_SHOWN]]
    if len(change.changes) > _SHOWN:
        moved.append(f"and {render_count(len(change.changes) - _SHOWN, 'package')} more")
    return f"~ {change.driver} {change.versions}: {', '.join(moved) or 'another environment'}"


def _change_table(change: DriverDiff) -> dict[str, object]:
    return {
        "driver": change.driver,
        "before": change.before,
        "after": change.after,
        "packages": [
            {
                "name": moved.package,
                "before": next(iter(moved.before), None),
                "after": next(iter(moved.after), None),
            }
            for moved in change.changes
        ],
    }


def render_gc(result: Collected) -> Text:
    """What was removed, what stays and why, and how many bytes that freed."""
    return text_of(_gc_lines(result))


def gc_table(result: Collected) -> dict[str, object]:
    """The same as a JSON object."""
    plan = result.plan
    return {
        "dry_run": result.dry_run,
        "generations": list(plan.generations),
        "environments": list(plan.environments),
        "pythons": list(plan.pythons),
        "kept": [{"subject": kept.subject, "reasons": list(kept.reasons)} for kept in plan.kept],
        "cache": result.cache,
        "cache_kept": result.cache_kept,
        "hidden": result.hidden,
        "freed": result.freed,
        "at_most": result.at_most,
        "last": None
        if result.last is None
        else {"finished": result.last.finished, "freed": result.last.freed},
    }


def _gc_lines(result: Collected) -> Iterator[str]:
    word = "would remove" if result.dry_run else "removed"
    yield from (f"{word} generation {number}" for number in result.plan.generations)
    yield from (f"{word} {name}" for name in result.plan.environments)
    yield from (f"{word} Python {name}" for name in result.plan.pythons)
    if result.cache:
        yield f"{word} uv's cache"
    if result.cache_kept is not None:
        yield f"kept the caches: {result.cache_kept}"
    if result.hidden and result.plan.environments:
        yield (
            f"{render_count(result.hidden, 'process', 'processes')} of other users could not be inspected: "
            "only their leases and command lines are known (run it as root to inspect them)"
        )
    yield from (f"kept {kept.subject}: {', '.join(kept.reasons)}" for kept in result.plan.kept)
    yield from _freed(result)


def _freed(result: Collected) -> Iterator[str]:
    """The freed bytes if they are known, else the most they can be."""
    if result.dry_run:
        yield f"would free {render_bytes(result.freed or 0)}"
        return
    if result.freed is not None:
        yield f"{render_bytes(result.freed)} freed"
        return
    amount = (
        f"{render_bytes(result.at_most)} at most"
        if result.at_most is not None
        else "what was removed"
    )
    yield (
        f"{amount} is being deleted in the background; the next gc reports what that freed (with --wait, this one does)"
    )
    if result.last is not None:
        yield f"the last one freed {render_bytes(result.last.freed)}, {result.last.finished}"


_PROCESS_HEADS = ("DRIVER", "VERSION", "PID", "USER", "SINCE", "CURRENT", "ENVIRONMENT")


def render_ps(running: Sequence[Running]) -> Text:
    """A line for each process."""
    if not running:
        return text_of(["nothing runs from this store"])
    return text_of(column_lines([_PROCESS_HEADS, *map(_process_row, running)]))


def ps_table(running: Iterable[Running]) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "processes": [
            {
                "driver": item.driver,
                "driver_version": item.version,
                "variant": item.variant,
                "pid": item.process.pid,
                "user": item.process.user,
                "since": item.process.since,
                "environment": item.process.environment,
                "current": item.current,
                "lease": item.process.lease,
                "command": item.process.command,
            }
            for item in running
        ]
    }


def _process_row(item: Running) -> tuple[str, ...]:
    process = item.process
    return (
        named_variant(item.driver or "-", item.variant),
        item.version or "-",
        str(process.pid),
        process.user,
        process.since,
        "yes" if item.current else "no",
        process.environment,
    )
