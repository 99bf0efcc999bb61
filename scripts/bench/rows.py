"""One line of the page: a ratio of medians against a named peer, and all that stands behind it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripts.bench.rounds import Contest


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was measured against whom."""

    chapter: str
    what: str
    peer: str
    target: float | None
    """The ratio that is to be reached; None where a figure is all that is asked for."""

    ratio: float
    low: float
    high: float
    """The smallest and the largest ratio of one round."""

    cpu: float
    """The ratio of processor times; 0 where it is no time."""

    ours: float
    theirs: float
    """Medians in seconds; bytes for disk."""

    peak: float
    """MiB of envbuild's own process at most; 0 where it was not looked at."""

    rounds: int
    note: str = ""


def compare(
    contest: Contest,
    ours: str,
    peer: str,
    *,
    chapter: str,
    what: str,
    target: float | None,
    called: str = "",
    note: str = "",
) -> Row:
    """A row of a contest; `called` is the peer's name on the page.

    What it says is shown at once, as the whole run takes long.
    """
    low, high = contest.spread(ours, peer)
    row = Row(
        chapter=chapter,
        what=what,
        peer=called or peer,
        target=target,
        ratio=contest.ratio(ours, peer),
        low=low,
        high=high,
        cpu=contest.cpu_ratio(ours, peer),
        ours=contest.median(ours),
        theirs=contest.median(peer),
        peak=contest.peak(ours),
        rounds=len(contest.samples[ours]),
        note=note,
    )
    sys.stderr.write(
        f"{what} / {row.peer}: {row.ratio:.3g} (target {target}), processor {row.cpu:.3g}, {row.ours:.3f} s\n"
    )
    return row


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """How a cost grows."""

    title: str
    axis: str
    points: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a chapter has to show."""

    rows: tuple[Row, ...] = ()
    growth: tuple[Growth, ...] = ()
    texts: Mapping[str, str] | None = None
    """Title → what is shown as it is."""
