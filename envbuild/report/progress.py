"""Progress on stderr: lines, or a live table on a terminal."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from envbuild.report.lines import render_bytes
from envbuild.text import text_of
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.report.live_progress import LiveProgress
    from envbuild.text import Text


@contextmanager
def shown_progress(
    stream: TextIO,
    environment: Mapping[str, str],
    *,
    live: bool = True,
    color: str = "auto",
    stages: bool = False,
) -> Iterator[LineProgress | LiveProgress]:
    """Progress during a command: a live display on a capable terminal, else lines.

    Without `live` it is always lines; `color` is `auto`, `always` or `never`.
    With `stages`, lines tell each stage, and not only each driver's end.
    """
    if live and stream.isatty() and environment.get("TERM") != "dumb":
        from envbuild.report.live_progress import LiveProgress

        with LiveProgress(stream, color=color) as live_progress:
            yield live_progress
        return
    lines = LineProgress(stream, stages=stages)
    try:
        yield lines
    finally:
        lines.end()


class Tally:
    """How many drivers are finished, and how many bytes came; a caller's lock protects it."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._ended: dict[str, bool] = {}
        self._coming: dict[str, int] = {}
        self._came = 0

    def stage(self, driver: str) -> None:
        """The driver's next stage begins; what its last one downloaded has come."""
        self._came += self._coming.pop(driver, 0)
        self._ended.pop(driver, None)

    def downloaded(self, driver: str, done: int) -> None:
        """So many bytes of the driver's stage have come."""
        self._coming[driver] = done

    def end(self, driver: str, *, well: bool) -> None:
        """The driver is finished."""
        self.stage(driver)
        self._ended[driver] = well

    def words(self) -> str:
        """`3 done, 1 failed, 1.2 GiB downloaded, 34 s`; empty if no driver is finished."""
        failed = list(self._ended.values()).count(False)
        came = self._came + sum(self._coming.values())
        parts = (
            f"{len(self._ended) - failed} done" if len(self._ended) > failed else "",
            f"{failed} failed" if failed else "",
            f"{render_bytes(came)} downloaded" if came else "",
            render_seconds(time.monotonic() - self.begun),
        )
        return ", ".join(part for part in parts if part) if self._ended else ""

    def last_line(self) -> Text:
        """What a command ends with, below its result; empty if no driver is finished."""
        return text_of([words] if (words := self.words()) else [])


def render_seconds(seconds: float) -> str:
    """`0.4 s`, `34 s`, `12 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@value
class _Stage:
    text: str
    begun: float


class LineProgress:
    """One line for each driver, when it is finished."""

    def __init__(self, stream: TextIO, *, stages: bool = False) -> None:
        self.tally = Tally()
        self._stream = stream
        self._stages = stages
        self._lock = threading.Lock()
        self._last: dict[str, _Stage] = {}
        self._ended = False

    def end(self) -> None:
        """Print nothing from now on: threads go on for a moment after an interrupt."""
        with self._lock:
            self._ended = True

    def stage(self, driver: str, text: str) -> None:
        """Print the stage once, if stages are asked for."""
        with self._lock:
            last = self._last.get(driver)
            begun = last.begun if last is not None else time.monotonic()
            self._last[driver] = _Stage(text=text, begun=begun)
            self.tally.stage(driver)
            if self._stages and (last is None or last.text != text):
                self._say(f"{driver}: {text}")

    def downloaded(self, driver: str, done: int, total: int) -> None:  # noqa: ARG002
        """Count, and print nothing: a log needs no line for each wheel."""
        with self._lock:
            self.tally.downloaded(driver, done)

    def done(self, driver: str, text: str) -> None:
        """Print the driver's result."""
        self._end(driver, text, well=True)

    def failed(self, driver: str, text: str) -> None:
        """Print what went wrong."""
        self._end(driver, text, well=False)

    def note(self, text: str) -> None:
        """Print the note."""
        with self._lock:
            self._say(text)

    def _end(self, driver: str, text: str, *, well: bool) -> None:
        with self._lock:
            last = self._last.pop(driver, None)
            took = f", {render_seconds(time.monotonic() - last.begun)}" if last is not None else ""
            self.tally.end(driver, well=well)
            self._say(f"{driver}: {text}{took}")

    def _say(self, line: str) -> None:
        if not self._ended:
            self._stream.write(text_of([line]))
            self._stream.flush()
