"""What a store holds, and what its removal or its move came to, as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import column_lines, render_bytes, render_count
from envbuild.text import Text, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.move import MovedStore
    from envbuild.commands.store import RemovedStore, StoreInfo


def render_info(info: StoreInfo) -> Text:
    """A line for each fact."""
    current = "none is current" if info.current is None else f"{info.current} is current"
    rows = [
        ("store", str(info.root)),
        ("file system", f"{info.file_system or 'unknown'}, {render_bytes(info.free)} free"),
        ("generations", f"{info.generations}, {current}"),
        ("environments", str(info.environments)),
        ("size", f"{render_bytes(info.size)}, files that are shared count once"),
        *((f"  only in {name}", render_bytes(size)) for name, size in info.parts if size),
    ]
    if info.foreign:
        rows.append(("not envbuild's", ", ".join(info.foreign)))
    return text_of(column_lines(rows))


def info_table(info: StoreInfo) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "root": str(info.root),
        "file_system": info.file_system or None,
        "free": info.free,
        "current": info.current,
        "generations": info.generations,
        "environments": info.environments,
        "size": info.size,
        "parts": dict(info.parts),
        "foreign": list(info.foreign),
    }


def render_removed(result: RemovedStore) -> Text:
    """What was removed, and what stays."""
    lines = [f"removed the store {result.root}: {render_bytes(result.freed)} freed"]
    if result.foreign:
        count = render_count(len(result.foreign), "name")
        lines.append(f"kept {count} that envbuild did not create: {', '.join(result.foreign)}")
    return text_of(lines)


def removed_table(result: RemovedStore) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "root": str(result.root),
        "freed": result.freed,
        "foreign": list(result.foreign),
    }


def render_moved(result: MovedStore) -> Text:
    """Where each generation is now, which files were written again, and whether the old store is removed."""
    return text_of(_moved_lines(result))


def _moved_lines(result: MovedStore) -> Iterator[str]:
    plan = result.plan
    if not result.applied:
        yield from _planned_lines(result)
        return
    for before, after in plan.numbers:
        current = ", and is current" if (before, after) == plan.numbers[-1] else ""
        yield f"generation {before} is generation {after} in {plan.new}{current}"
    if plan.environments:
        count = render_count(len(plan.environments), "environment")
        yield f"{count} built there again and verified"
    for path in result.exports:
        yield f"{path}: written again"
    for path in result.needed:
        yield f"{path}: it names {plan.old}"
    if result.needed:
        yield (
            f"{plan.old} stays, because of these files: run it again with --refresh-exports, "
            "which writes them again and then removes it"
        )
    elif result.freed is None:
        yield f"{plan.old} stays as it is; moving it there again removes it"
    else:
        yield f"removed {plan.old}: {render_bytes(result.freed)} freed"
        if result.foreign:
            count = render_count(len(result.foreign), "name")
            yield f"kept {count} there that envbuild did not create: {', '.join(result.foreign)}"
    yield f"name {plan.new} now in --store, $ENVBUILD_STORE, units and scripts"


def _planned_lines(result: MovedStore) -> Iterator[str]:
    plan = result.plan
    if plan.complete:
        yield f"{plan.new} is complete; {plan.old} would be removed"
        return
    for before, after in plan.numbers:
        yield f"generation {before} would be generation {after} in {plan.new}"
    for one in plan.environments:
        yield f"{one.wanted.environment} would be built there"
    needed, free = render_bytes(plan.size), render_bytes(plan.free)
    yield f"it needs at most {needed}, and {free} are free"
    yield f"{plan.old} would then be removed"


def moved_table(result: MovedStore) -> dict[str, object]:
    """The same as a JSON object."""
    plan = result.plan
    return {
        "from": str(plan.old),
        "root": str(plan.new),
        "applied": result.applied,
        "generations": {str(before): after for before, after in plan.numbers},
        "environments": [one.wanted.environment for one in plan.environments],
        "needed_bytes": plan.size,
        "free_bytes": plan.free,
        "exports": list(result.exports),
        "still_named_by": list(result.needed),
        "freed": result.freed,
        "foreign": list(result.foreign),
    }
