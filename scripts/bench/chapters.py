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
from scripts.bench.small import measure_idle
from scripts.bench.trace import trace_idle
from scripts.bench.variants import measure_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scripts.bench.place import Place
    from scripts.bench.rows import Growth, Row


LITELLM = Start(line="BIN/python -c 'import litellm'", shown="import litellm")
VLLM_VERSION = Start(
    line=r"BIN/vllm --version 2>&1 | grep -c '^[0-9]\|infer device type' > /dev/null",
    shown="vllm --version",
    note="where there is no GPU, it ends after its imports with `Failed to infer device type`, on both sides",
)


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

    gib: int = 12
    """The size of the file system that it needs, sparse."""

    memory: bool = True
    """Whether the file system lies in memory; else its image lies on the disk."""


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


def _growth(place: Place, rounds: int) -> Measured:
    grown = measure_growth(place, rounds)
    return Measured(rows=grown.rows, growth=grown.growth)


def _folders(place: Place, rounds: int) -> Measured:
    rows, texts = measure_folder_links(place, rounds)
    return Measured(rows=rows, texts=texts)


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
    "first-locks": Chapter(
        about="first locks with empty caches: the CPU fleet, and fifty drivers",
        measure=lambda place, rounds: Measured(rows=tuple(measure_first_locks(place, rounds))),
    ),
    "variants": Chapter(
        about="a driver with four variants, locked for the first time and again",
        measure=lambda place, rounds: Measured(rows=tuple(measure_variants(place, rounds))),
    ),
    "path-sources": Chapter(
        about="a check of three path sources of 5,000 files that have not changed",
        measure=lambda place, rounds: Measured(rows=tuple(measure_path_sources(place, rounds))),
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
        measure=lambda place, rounds: Measured(rows=tuple(measure_keeping(place, rounds))),
    ),
    "cold": Chapter(
        about="the CPU fleet from nothing, and its disk",
        measure=lambda place, rounds: Measured(rows=tuple(measure_cold(place, rounds))),
    ),
    "growth": Chapter(
        about="costs over the number of drivers and of packages",
        measure=_growth,
    ),
    "folders": Chapter(
        about="an experiment: environments of linked folders",
        measure=_folders,
    ),
    "vllm": Chapter(
        about="vllm's own environment, 10 GB: rebuilt and started",
        measure=_heavy,
        heavy=True,
        gib=40,
        memory=False,
    ),
}
