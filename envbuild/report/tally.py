"""What a command has done so far: finished drivers, bytes, seconds."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from envbuild.report.lines import render_bytes
from envbuild.text import text_of

if TYPE_CHECKING:
    from envbuild.text import Text


class Tally:
    """How many drivers are finished, and how many bytes were moved; a caller's lock protects it."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._ended: dict[str, bool] = {}
        self._moving: dict[str, tuple[str, int]] = {}
        self._moved: Counter[str] = Counter()
        """Bytes of the stages that are over, by what was done with them."""

    def stage(self, driver: str) -> None:
        """The driver's next stage begins; the bytes of its last one count."""
        what, size = self._moving.pop(driver, ("", 0))
        self._moved[what] += size
        self._ended.pop(driver, None)

    def moved(self, driver: str, what: str, done: int) -> None:
        """So many bytes of the driver's stage are `downloaded` or `written`."""
        self._moving[driver] = (what, done)

    def end(self, driver: str, *, well: bool) -> None:
        """The driver is finished."""
        self.stage(driver)
        self._ended[driver] = well

    def words(self) -> str:
        """`3 done, 1 failed, 1.2 GiB downloaded, 34 s`; empty if no driver is finished."""
        failed = list(self._ended.values()).count(False)
        moved = self._moved.copy()
        for what, size in self._moving.values():
            moved[what] += size
        parts = (
            f"{len(self._ended) - failed} done" if len(self._ended) > failed else "",
            f"{failed} failed" if failed else "",
            *(f"{render_bytes(size)} {what}" for what, size in sorted(moved.items()) if size),
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
