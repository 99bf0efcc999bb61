"""The chapters of the page: what each measures, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.cold import measure_cold
from scripts.bench.first_locks import measure_first_locks
from scripts.bench.fleets import LARGE, VLLM, real_project
from scripts.bench.folder_links import measure_folder_links
from scripts.bench.growth import measure_growth
from scripts.bench.keep import measure_keeping
from scripts.bench.large import Start, measure_pip, measure_rebuild, measure_start, trace_rebuild
from scripts.bench.locks import measure_locks
from scripts.bench.path_sources import measure_path_sources
from scripts.bench.rows import Measured
from scripts.bench.small import measure_idle
from scripts.bench.trace import trace_idle
from scripts.bench.variants import measure_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scripts.bench.place import Place
    from scripts.bench.rows import Row


LITELLM = Start(line="BIN/python -c 'import litellm'", shown="import litellm")
VLLM_VERSION = Start(
    line=r"BIN/vllm --version 2>&1 | grep -c '^[0-9]\|infer device type' > /dev/null",
    shown="vllm --version",
    note="without a GPU, it ends after its imports with `Failed to infer device type`, on both sides",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A part of the bench that is run by itself, on a file system of its own."""

    about: str
    """What it measures, for `--help`."""

    measure: Callable[[Place, int], Measured]
    """Takes the place and the number of rounds."""

    heavy: bool = False
    """Whether it only runs where it is named, or `--heavy` is given."""

    gib: int = 12
    """The size of the file system that it needs, sparse."""

    memory: bool = True
    """Whether the file system lies in memory; else its image lies on the disk."""


def _rows(measure: Callable[[Place, int], Iterable[Row]]) -> Callable[[Place, int], Measured]:
    """Measure what comes to rows alone."""
    return lambda place, rounds: Measured(rows=tuple(measure(place, rounds)))


def _large(place: Place, rounds: int) -> Measured:
    project = real_project(place, LARGE)
    rows = tuple(measure_rebuild(place, project, LARGE, rounds, 0.06))
    return Measured(rows=rows, texts=trace_rebuild(place, project, LARGE))


def _pip(place: Place, rounds: int) -> Measured:
    return Measured(rows=tuple(measure_pip(place, real_project(place, LARGE), LARGE, rounds)))


def _start(place: Place, rounds: int) -> Measured:
    project = real_project(place, LARGE)
    return Measured(rows=tuple(measure_start(place, project, LARGE, rounds, LITELLM)))


def _heavy(place: Place, rounds: int) -> Measured:
    project = real_project(place, VLLM)
    rows = [
        *measure_rebuild(place, project, VLLM, rounds, 0.08),
        *measure_start(place, project, VLLM, rounds, VLLM_VERSION),
    ]
    return Measured(rows=tuple(rows))


CHAPTERS: Mapping[str, Chapter] = {
    "idle": Chapter(
        about="nothing to do, and the verbs that look",
        measure=_rows(measure_idle),
    ),
    "trace": Chapter(
        about="system calls and imports of a sync with nothing to do",
        measure=lambda place, _: Measured(texts=trace_idle(place)),
    ),
    "locks": Chapter(
        about="four heavy drivers locked again after a range has changed",
        measure=_rows(measure_locks),
    ),
    "first-locks": Chapter(
        about="first locks with empty caches: the CPU fleet, and fifty drivers",
        measure=_rows(measure_first_locks),
    ),
    "variants": Chapter(
        about="a driver with four variants, locked for the first time and again",
        measure=_rows(measure_variants),
    ),
    "path-sources": Chapter(
        about="a check of three path sources of 5,000 files that have not changed",
        measure=_rows(measure_path_sources),
    ),
    "large": Chapter(
        about="a real driver rebuilt",
        measure=_large,
    ),
    "pip": Chapter(
        about="the same against pip, which takes a minute each time",
        measure=_pip,
    ),
    "start": Chapter(
        about="a real driver started, the first time and later",
        measure=_start,
    ),
    "keep": Chapter(
        about="verify, history, ps, rollback and gc on 40,000 files",
        measure=_rows(measure_keeping),
    ),
    "cold": Chapter(
        about="the CPU fleet from nothing, and its disk",
        measure=_rows(measure_cold),
    ),
    "growth": Chapter(
        about="costs over the number of drivers and of packages",
        measure=measure_growth,
    ),
    "folders": Chapter(
        about="an experiment: environments of linked folders",
        measure=measure_folder_links,
    ),
    "vllm": Chapter(
        about="vllm's own environment, 10 GB: rebuilt and started",
        measure=_heavy,
        heavy=True,
        gib=40,
        memory=False,
    ),
}
