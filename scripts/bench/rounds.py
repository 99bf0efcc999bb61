"""Run commands side by side in rounds, so that what the machine does meanwhile meets them all alike."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scripts.bench.place import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One measurement."""

    seconds: float
    cpu: float
    """Seconds of processor time, children included."""

    peak: int
    """The most memory that the process itself had, in KiB; 0 where nobody watched it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A command to be measured."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    times: int = 1
    """How often it runs in one round; the sample is the median of these."""

    watch: bool | None = None
    """Whether to look how much memory it takes in every round; False is in the one before alone.

    It disturbs a command of milliseconds. None is for peers, which nobody watches.
    """

    def __call__(self, number: int) -> Sample:
        """Run it in a round; RuntimeError with what it said where it fails."""
        pause = None
        if self.watch is not None and (self.watch or not number):
            pause = 0.01 if number else 0.001
        samples = [self._once(pause) for _ in range(self.times)]
        return Sample(
            seconds=statistics.median(sample.seconds for sample in samples),
            cpu=statistics.median(sample.cpu for sample in samples),
            peak=max(sample.peak for sample in samples),
        )

    def _once(self, pause: float | None) -> Sample:
        """Run it once, and look at its memory every `pause` seconds."""
        with tempfile.TemporaryFile() as said:
            begin = time.perf_counter()
            process = subprocess.Popen(
                list(self.argv),
                env=dict(self.env),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            watched = nullcontext([0]) if pause is None else _watching(process.pid, pause)
            with watched as peaks:
                _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                said.seek(0)
                raise RuntimeError(f"{list(self.argv)}: {said.read().decode(errors='replace')}")
        cpu = usage.ru_utime + usage.ru_stime
        return Sample(seconds=seconds, cpu=cpu, peak=max(peaks))


def shell(place: Place, script: str, **more: str) -> Call:
    """A line of the shell to be measured; `more` are variables."""
    env = place.environment(**more)
    return Call(argv=("/bin/sh", "-c", script), env=env, cwd=place.root)


@contextmanager
def _watching(pid: int, pause: float) -> Iterator[list[int]]:
    """Look at a process's own peak again and again: what wait4 tells is its children's too."""
    peaks = [0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(pause):
            with suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
                peaks.append(int(found[1]) if found else 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """What several contestants needed in the same rounds."""

    samples: Mapping[str, Sequence[Sample]]
    peaks: Mapping[str, int]
    """KiB that each took at most, the round before included."""

    def median(self, name: str) -> float:
        """Seconds."""
        return statistics.median(sample.seconds for sample in self.samples[name])

    def ratio(self, ours: str, peer: str) -> float:
        """The ratio of the medians."""
        return self.median(ours) / self.median(peer)

    def cpu_ratio(self, ours: str, peer: str) -> float:
        """The ratio of the medians of processor time, which a busy host moves less."""
        one, other = (
            statistics.median(sample.cpu for sample in self.samples[name]) for name in (ours, peer)
        )
        return one / other

    def spread(self, ours: str, peer: str) -> tuple[float, float]:
        """The smallest and the largest ratio of a single round."""
        pairs = zip(self.samples[ours], self.samples[peer], strict=True)
        ratios = [one.seconds / other.seconds for one, other in pairs]
        return min(ratios), max(ratios)

    def peak(self, name: str) -> float:
        """MiB."""
        return self.peaks[name] / 1024


def compete(rounds: int, contestants: Mapping[str, Callable[[int], Sample]]) -> Contest:
    """Measure every contestant once a round, in an order that is turned about each time.

    Round 0 comes before and is not counted: it warms what is to be warm.
    """
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    peaks = dict.fromkeys(names, 0)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            os.sync()  # what one has left to be written is not written while the next is timed
            sample = contestants[name](number)
            peaks[name] = max(peaks[name], sample.peak)
            if number:
                samples[name].append(sample)
    return Contest(samples=samples, peaks=peaks)
