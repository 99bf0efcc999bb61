"""What `envbuild gc` prints."""

from __future__ import annotations

from envbuild.report.lines import render_bytes
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.gc import Collected
    from envbuild.text import Text


def render_gc(result: Collected) -> Text:
    """What went, what stays and why, and what that freed."""
    return text_of(_lines(result))


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


def _lines(result: Collected) -> Iterator[str]:
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
            f"{result.hidden} processes of other users could not be inspected: "
            "only their leases and command lines are known (run it as root to inspect them)"
        )
    yield from (f"kept {kept.subject}: {', '.join(kept.reasons)}" for kept in result.plan.kept)
    yield from _freed(result)


def _freed(result: Collected) -> Iterator[str]:
    """The real figure where it is known, else what is known before all is deleted."""
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
