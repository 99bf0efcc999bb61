"""Progress on stderr: lines, or a live table on a terminal."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from envbuild.report.tally import Tally, render_seconds
from envbuild.text import text_of
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.report.live_progress import LiveProgress


@contextmanager
def shown_progress(
    stream: TextIO,
    environment: Mapping[str, str],
    *,
    live: bool = True,
    color: str = "auto",
    stages: bool = False,
) -> Iterator[LineProgress | LiveProgress]:
    """Progress during a command: a live display on a capable terminal that somebody watches, else lines.

    Without `live` it is always lines; `color` is `auto`, `always` or `never`.
    With `stages`, lines tell each stage, and not only each driver's end.
    """
    if live and stream.isatty() and _is_watched(environment):
        from envbuild.report.live_progress import LiveProgress

        with LiveProgress(stream, color=color) as live_progress:
            yield live_progress
        return
    lines = LineProgress(stream, stages=stages)
    try:
        yield lines
    finally:
        lines.end()


def _is_watched(environment: Mapping[str, str]) -> bool:
    """Whether a terminal can draw, and is not that of a CI job, whose log keeps every frame."""
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false")
    return environment.get("TERM") != "dumb" and not in_ci


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
            self.tally.moved(driver, "downloaded", done)

    def written(self, driver: str, done: int, total: int) -> None:  # noqa: ARG002
        """Count, and print nothing."""
        with self._lock:
            self.tally.moved(driver, "written", done)

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
