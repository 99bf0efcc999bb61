"""Progress on stderr: lines, or a live table on a terminal."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from envbuild.report.lines import render_bytes
from envbuild.text import escaped, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

    from envbuild.progress import Progress


@contextmanager
def shown_progress(
    stream: TextIO, environment: Mapping[str, str], *, live: bool = True, color: str = "auto"
) -> Iterator[Progress]:
    """Progress during a command: a live display on a capable terminal, else lines.

    Without `live` it is always lines; `color` is `auto`, `always` or `never`.
    """
    if live and stream.isatty() and environment.get("TERM") != "dumb":
        with LiveProgress(stream, color=color) as live_progress:
            yield live_progress
    else:
        lines = LineProgress(stream)
        try:
            yield lines
        finally:
            lines.end()


class LineProgress:
    """One line for each event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}
        self._ended = False

    def end(self) -> None:
        """Print nothing from now on: threads go on for a moment after an interrupt."""
        with self._lock:
            self._ended = True

    def stage(self, driver: str, text: str) -> None:
        """Print the stage, once for a driver."""
        self._say(driver, text)

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """Print nothing: a log needs no line for each wheel."""

    def done(self, driver: str, text: str) -> None:
        """Print the driver's result."""
        self._say(driver, text)

    def note(self, text: str) -> None:
        """Print the note."""
        with self._lock:
            if not self._ended:
                self._stream.write(text_of([text]))
                self._stream.flush()

    def _say(self, driver: str, text: str) -> None:
        with self._lock:
            if not self._ended and self._last.get(driver) != text:
                self._last[driver] = text
                self._stream.write(text_of([f"{driver}: {text}"]))
                self._stream.flush()


class LiveProgress:
    """A table of the drivers on a terminal, redrawn while they run and removed at the end."""

    def __init__(self, stream: TextIO, *, color: str = "auto") -> None:
        from rich.console import Console
        from rich.live import Live

        self._lock = threading.Lock()
        self._rows: dict[str, tuple[str, float, float | None]] = {}
        self._bytes: dict[str, tuple[int, int]] = {}
        self._console = Console(
            file=stream,
            force_terminal=True if color == "always" else None,
            no_color={"always": False, "never": True}.get(color),
        )
        self._live = Live(console=self._console, transient=True, get_renderable=self._table)

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
            begun = self._rows[driver][1] if driver in self._rows else time.monotonic()
            self._rows[driver] = (text, begun, None)
            self._bytes.pop(driver, None)

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """Show the bytes beside the stage, until the next stage."""
        with self._lock:
            self._bytes[driver] = (done, total)

    def done(self, driver: str, text: str) -> None:
        """Show the driver as finished."""
        with self._lock:
            begun = self._rows[driver][1] if driver in self._rows else time.monotonic()
            self._rows[driver] = (text, begun, time.monotonic())
            self._bytes.pop(driver, None)

    def refresh(self) -> None:
        """Draw now; otherwise the display draws a few times a second."""
        self._live.refresh()

    def note(self, text: str) -> None:
        """Print a line above the table."""
        self._console.print(escaped(text), markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        with self._lock:
            rows = dict(self._rows)
            counts = dict(self._bytes)
        for driver, (text, begun, ended) in rows.items():
            sign = Text("✓") if ended is not None else Spinner("dots")
            seconds = (ended if ended is not None else time.monotonic()) - begun
            table.add_row(
                sign,
                driver,
                Text(escaped(text)),
                _bytes_text(counts.get(driver)),
                f"{seconds:.0f} s",
            )
        return table


def _bytes_text(counted: tuple[int, int] | None) -> str:
    """`1.2 GiB of 3.4 GiB`; empty without a download."""
    if counted is None:
        return ""
    done, total = counted
    return f"{render_bytes(done)} of {render_bytes(total)}"
