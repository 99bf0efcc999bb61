"""What `envbuild ps` prints."""

from __future__ import annotations

from envbuild.report.lines import column_lines
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.commands.ps import Running
    from envbuild.text import Text

_HEADS = ("DRIVER", "VERSION", "PID", "USER", "SINCE", "CURRENT", "ENVIRONMENT")


def render_ps(running: Sequence[Running]) -> Text:
    """A line a process."""
    if not running:
        return text_of(["nothing runs from this store"])
    return text_of(column_lines([_HEADS, *map(_row, running)]))


def ps_table(running: Iterable[Running]) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "processes": [
            {
                "driver": item.driver,
                "driver_version": item.version,
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


def _row(item: Running) -> tuple[str, ...]:
    process = item.process
    return (
        item.driver or "-",
        item.version or "-",
        str(process.pid),
        process.user,
        process.since,
        "yes" if item.current else "no",
        process.environment,
    )
