"""The chapters of the page: what each measures, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.cold import measure_cold
from scripts.bench.large import measure_keeping, measure_rebuild, measure_start, prepare_large
from scripts.bench.locks import measure_locks
from scripts.bench.small import measure_growth, measure_idle
from scripts.bench.trace import trace_idle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scripts.bench.place import Place
    from scripts.bench.rows import Growth, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a chapter has to show."""

    rows: tuple[Row, ...] = ()
    growth: tuple[Growth, ...] = ()
    texts: Mapping[str, str] | None = None
    """Title → what is shown as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A part of the bench that is run by itself, on a file system of its own."""

    about: str
    """What it measures, for `--help`."""

    measure: Callable[[Place, int], Measured]
    """Takes the place and the number of rounds."""

    heavy: bool = False
    """Whether it only runs where it is named, or `--heavy` is given."""

    gib: int = 10
    """The size of the file system that it needs; sparse, what is written takes memory."""


def _large(place: Place, rounds: int) -> Measured:
    project = prepare_large(place)
    rows = [
        *measure_rebuild(place, project, rounds),
        *measure_start(place, project, rounds),
        *measure_keeping(place, project, rounds),
    ]
    return Measured(rows=tuple(rows))


CHAPTERS: Mapping[str, Chapter] = {
    "idle": Chapter(
        about="nothing to do, and the verbs that look",
        measure=lambda place, rounds: Measured(rows=tuple(measure_idle(place, rounds))),
    ),
    "trace": Chapter(
        about="system calls and imports of a sync with nothing to do",
        measure=lambda place, _: Measured(texts=trace_idle(place)),
    ),
    "locks": Chapter(
        about="four heavy drivers locked again after a range has changed",
        measure=lambda place, rounds: Measured(rows=tuple(measure_locks(place, rounds))),
    ),
    "large": Chapter(
        about="a real driver rebuilt, started, verified, removed",
        measure=_large,
    ),
    "cold": Chapter(
        about="the CPU fleet from nothing, and its disk",
        measure=lambda place, rounds: Measured(rows=tuple(measure_cold(place, rounds))),
    ),
    "growth": Chapter(
        about="costs over the number of drivers and of packages",
        measure=lambda place, rounds: Measured(growth=(measure_growth(place, rounds, 200),)),
    ),
}
