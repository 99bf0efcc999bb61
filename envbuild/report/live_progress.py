"""Progress as a table on a terminal, redrawn while a command runs and removed at its end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from envbuild.report.lines import render_bytes
from envbuild.report.tally import Tally, render_seconds
from envbuild.text import escaped

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import RenderableType

_BESIDE = 2
"""Lines of the screen that the table leaves: its own last line, and the cursor's."""

_BYTES, _BAR, _SPEED = 60, 90, 110
"""Columns from which bytes are shown in place of a percentage, a bar, and speed with the time left."""

_TIME = 6
"""Columns of a time."""

_MEASURED = 5.0
"""Seconds over which a speed is measured."""


class _Row:
    """One driver."""

    def __init__(self, now: float) -> None:
        self.text = ""
        self.begun = now
        self.ended: float | None = None
        self.well = True
        self.bytes: tuple[int, int] | None = None
        self._came: list[tuple[float, int]] = []
        self.spinner = Spinner("dots", style="cyan")

    def set_stage(self, text: str) -> None:
        self.text, self.bytes, self.ended = text, None, None
        self._came.clear()

    def set_bytes(self, now: float, done: int, total: int) -> None:
        self.bytes = done, total
        self._came.append((now, done))
        while len(self._came) > 2 and now - self._came[0][0] > _MEASURED:
            self._came.pop(0)

    @property
    def speed(self) -> float | None:
        """Bytes a second; None while that cannot be said."""
        if len(self._came) < 2:
            return None
        (first, had), (last, has) = self._came[0], self._came[-1]
        return (has - had) / (last - first) if last > first else None


class LiveProgress:
    """A table of the drivers: those at work, and if there is room those that are finished."""

    def __init__(self, stream: TextIO, *, color: str = "auto") -> None:
        self.tally = Tally()
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._console = Console(
            file=stream,
            force_terminal=True if color == "always" else None,
            no_color={"always": False, "never": True}.get(color),
        )
        self._live = Live(console=self._console, transient=True, get_renderable=self._shown)

    def __enter__(self) -> LiveProgress:
        """Start drawing."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the table."""
        self._live.stop()

    def stage(self, driver: str, text: str) -> None:
        """Show the driver at a stage."""
        with self._lock:
            self._row(driver).set_stage(text)
            self.tally.stage(driver)

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """Show the bytes beside the stage, until the next stage."""
        self._move(driver, "downloaded", done, total)

    def written(self, driver: str, done: int, total: int) -> None:
        """Show the bytes beside the stage, until the next stage."""
        self._move(driver, "written", done, total)

    def done(self, driver: str, text: str) -> None:
        """Show the driver as finished."""
        self._end(driver, text, well=True)

    def failed(self, driver: str, text: str) -> None:
        """Show the driver as failed."""
        self._end(driver, text, well=False)

    def refresh(self) -> None:
        """Draw now; otherwise the display draws a few times a second."""
        self._live.refresh()

    def note(self, text: str) -> None:
        """Print a line above the table."""
        self._console.print(escaped(text), markup=False, highlight=False)

    def _move(self, driver: str, what: str, done: int, total: int) -> None:
        with self._lock:
            self._row(driver).set_bytes(time.monotonic(), done, total)
            self.tally.moved(driver, what, done)

    def _row(self, driver: str) -> _Row:
        if driver not in self._rows:
            self._rows[driver] = _Row(time.monotonic())
        return self._rows[driver]

    def _end(self, driver: str, text: str, *, well: bool) -> None:
        with self._lock:
            row = self._row(driver)
            row.set_stage(text)
            row.ended, row.well = time.monotonic(), well
            self.tally.end(driver, well=well)

    def _shown(self) -> RenderableType:
        """What fits the screen, whatever its size is now; the last line counts the rest."""
        with self._lock:
            rows, words = dict(self._rows), self.tally.words()
        height = max(self._console.height - _BESIDE, 1)
        if len(rows) > height:
            rows = {name: row for name, row in rows.items() if row.ended is None}
        hidden = len(rows) - height
        if hidden > 0:
            rows = dict(list(rows.items())[:height])
            words = ", ".join((f"{hidden} more at work", *([words] if words else [])))
        return Group(self._table(rows), Text(words, style="dim"))

    def _table(self, rows: dict[str, _Row]) -> Table:
        width = self._console.width
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width // 3, 8))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, justify="right")
        if width >= _BAR:
            table.add_column(width=16)
        table.add_column(no_wrap=True, justify="right", min_width=_TIME)
        for name, row in rows.items():
            table.add_row(*self._cells(name, row, width))
        return table

    def _cells(self, name: str, row: _Row, width: int) -> list[RenderableType]:
        bar: list[RenderableType] = []
        if width >= _BAR:
            done, total = row.bytes or (0, 0)
            bar = [ProgressBar(total=total, completed=done, width=16) if total else Text("")]
        end = row.ended if row.ended is not None else time.monotonic()
        return [
            _sign(row),
            Text(escaped(name), style="bold"),
            Text(escaped(row.text)),
            Text(_bytes_text(row, width)),
            *bar,
            Text(render_seconds(end - row.begun), style="dim"),
        ]


def _sign(row: _Row) -> RenderableType:
    if row.ended is None:
        return row.spinner
    return Text("✓", style="green") if row.well else Text("✗", style="red")


def _bytes_text(row: _Row, width: int) -> str:
    """`35%`, `1.2 GiB of 3.4 GiB` or also ` at 40.0 MiB/s, 55 s left`; empty without a download."""
    if row.bytes is None:
        return ""
    done, total = row.bytes
    if width < _BYTES:
        return f"{100 * done // max(total, 1)}%"
    text = f"{render_bytes(done)} of {render_bytes(total)}"
    speed = row.speed
    if width < _SPEED or not speed or done >= total:
        return text
    left = render_seconds((total - done) / speed)
    return f"{text} at {render_bytes(round(speed))}/s, {left} left"
