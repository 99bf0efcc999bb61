"""What the commands print that write the declaration: `init`, `add`, `remove`, `edit` and `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.edit import EditResult
    from envbuild.commands.init import InitResult
    from envbuild.text import Text


def render_init(result: InitResult) -> Text:
    """What was written, and what comes next."""
    return text_of(
        [f"wrote {result.path}; next: edit it, then `envbuild lock` and `envbuild sync`"]
    )


def init_table(result: InitResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {"path": result.path}


def render_edit(result: EditResult) -> Text:
    """The lines that changed, then what has to be known about them, then what to do."""
    return text_of(_lines(result))


def edit_table(result: EditResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "file": result.file,
        "changes": list(result.changes),
        "drivers": list(result.drivers),
        "notes": [{"driver": driver, "note": note} for driver, note in result.notes],
        "pinned": dict(result.pinned),
    }


def _lines(result: EditResult) -> Iterator[str]:
    if not result.changes:
        yield f"{result.file} needs no change"
        return
    yield f"{result.file}:"
    yield from (f"  {line}" for line in result.changes if line[1:].strip())
    yield from (f"{driver}: {note}" for driver, note in result.notes)
    for driver, count in result.pinned:
        yield f"{driver}: the first lock keeps {render_count(count, 'version')} from before"
    yield "run `envbuild lock`, then `envbuild sync`"
