"""What a store holds, and what its removal came to, as text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import column_lines, render_bytes, render_count
from envbuild.text import Text, text_of

if TYPE_CHECKING:
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
        lines.append(f"kept {count} that envbuild has not made: {', '.join(result.foreign)}")
    return text_of(lines)


def removed_table(result: RemovedStore) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "root": str(result.root),
        "freed": result.freed,
        "foreign": list(result.foreign),
    }
