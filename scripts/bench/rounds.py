"""Run commands side by side in rounds, so that what the machine does meanwhile meets them all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One measurement."""

    seconds: float
    cpu: float
    """Seconds of processor time, children included."""

    peak: int
    """The most memory that the process itself had, in KiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A command to be measured."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    times: int = 1
    """How often it runs in one round; the sample is the median of these."""

    def __call__(self, _round: int) -> Sample:
        """Run it; RuntimeError with what it said where it fails."""
        samples = [self._once() for _ in range(self.times)]
        return Sample(
            seconds=statistics.median(sample.seconds for sample in samples),
            cpu=statistics.median(sample.cpu for sample in samples),
            peak=max(sample.peak for sample in samples),
        )

    def _once(self) -> Sample:
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
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                said.seek(0)
                raise RuntimeError(f"{list(self.argv)}: {said.read().decode(errors='replace')}")
        return Sample(seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """What several contestants needed in the same rounds."""

    samples: Mapping[str, Sequence[Sample]]

    def median(self, name: str) -> float:
        """Seconds."""
        return statistics.median(sample.seconds for sample in self.samples[name])

    def ratio(self, ours: str, peer: str) -> float:
        """The ratio of the medians."""
        return self.median(ours) / self.median(peer)

    def spread(self, ours: str, peer: str) -> tuple[float, float]:
        """The smallest and the largest ratio of a single round."""
        pairs = zip(self.samples[ours], self.samples[peer], strict=True)
        ratios = [one.seconds / other.seconds for one, other in pairs]
        return min(ratios), max(ratios)

    def peak(self, name: str) -> float:
        """MiB."""
        return max(sample.peak for sample in self.samples[name]) / 1024


def compete(rounds: int, contestants: Mapping[str, Callable[[int], Sample]]) -> Contest:
    """Measure every contestant once a round, in an order that is turned about each time.

    Round 0 comes before and is not counted: it warms what is to be warm.
    """
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            sample = contestants[name](number)
            if number:
                samples[name].append(sample)
    return Contest(samples=samples)
