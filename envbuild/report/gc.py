"""What `envbuild gc` prints."""

from __future__ import annotations

from envbuild.report.units import render_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.gc import Collected


def render_gc(result: Collected) -> str:
    """What went, what stays and why, and what that freed."""
    return "".join(f"{line}\n" for line in _lines(result))


def gc_table(result: Collected) -> dict[str, object]:
    """The same as a JSON object."""
    plan = result.plan
    return {
        "dry_run": result.dry_run,
        "generations": list(plan.generations),
        "environments": list(plan.environments),
        "kept": [{"subject": kept.subject, "reasons": list(kept.reasons)} for kept in plan.kept],
        "cache": result.cache,
        "cache_kept": result.cache_kept,
        "freed": result.freed,
    }


def _lines(result: Collected) -> Iterator[str]:
    word = "would remove" if result.dry_run else "removed"
    yield from (f"{word} generation {number}" for number in result.plan.generations)
    yield from (f"{word} {name}" for name in result.plan.environments)
    if result.cache:
        yield f"{word} uv's cache"
    if result.cache_kept is not None:
        yield f"kept the caches: {result.cache_kept}"
    yield from (f"kept {kept.subject}: {', '.join(kept.reasons)}" for kept in result.plan.kept)
    amount = render_bytes(result.freed)
    yield f"would free {amount}" if result.dry_run else f"{amount} freed"
