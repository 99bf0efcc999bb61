"""What the results come to, in words that are true whatever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEMORY_TARGET = 120
"""MiB of envbuild's own process."""

_REASONS = (
    (
        "`verify --quick` of the same",
        (
            "it checks every file once (`lstat(2)`), in two processes, and lists almost no folder; "
            "the row for comparison has the time of these calls alone; to be faster, it would have to check fewer files"
        ),
    ),
    (
        "`rollback`",
        "before it goes back, it runs the check of `verify --quick` on that generation, which checks every file",
    ),
    (
        "`gc` that removes that environment",
        (
            "the whole command is measured: the start of a Python, its imports, and the search for used environments; "
            "the next row has only what the removal adds to that"
        ),
    ),
    (
        "the same `gc`, until the last file is gone",
        (
            "Python deletes it, in two processes, at a low priority, and checks each file before: "
            "to count the freed bytes, and so that the next sync need not read the shared wheels again"
        ),
    ),
    (
        "`run DRIVER`, 8 drivers",
        "it includes the driver's own start, which is the peer of the next row; `run` adds only the difference",
    ),
    (
        "`lock`, a",
        (
            "no resolver is started, because every pin stays; the remaining time is the start of a Python, "
            "its imports, reading and writing four lockfiles, and, if answers have expired, "
            "requesting every page again and searching it for the locked files"
        ),
    ),
    (
        "`sync` of the CPU fleet",
        (
            "most of it is compiling, on both sides, and these drivers share few modules; "
            "a driver's modules can be compiled only after its downloads"
        ),
    ),
    (
        "`sync` of the same environment",
        "the same as for the rebuild compared with uv",
    ),
    (
        "`sync` of ",
        (
            "most of the time the kernel links and lists files, in two processes; "
            "uv is started twice in the meantime, for an empty environment and for the new wheel; "
            "the samples below show each part"
        ),
    ),
    (
        "fresh environment, then",
        (
            "the next row has the time of the import itself, with bytecode; "
            "the target leaves about as much time for the sync as uv's two calls take"
        ),
    ),
    (
        "`import litellm`",
        "the modules do the same at import on both sides; envbuild saves only the compiling",
    ),
)
"""What a row begins with → why it is what it is, where it is missed."""

_BUSY = 1.0
"""The load at which a chapter's beginning counts as busy."""

_BEND = 0.2
"""By which part the most may cost more than the lower half promises, to count as linear still."""

_NOTHING = 0.25
"""What a cost may grow by in all, in `python -c pass`, to count as not growing."""


def target_line(results: Mapping[str, Any]) -> str:
    """How many targets are met, and each that is not."""
    asked = [row for row in _rows(results) if row["target"] is not None]
    missed = [row for row in asked if row["ratio"] > row["target"]]
    lines = [f"Of {len(asked)} targets {len(asked) - len(missed)} are met."]
    if missed:
        lines += ["These are missed:", ""]
    for row in missed:
        processor = f"; by CPU time {row['cpu']:.3g}" if row["cpu"] else ""
        lines.append(
            f"- {row['what']}, against {row['peer']}: {row['ratio']:.3g}; "
            f"the target is {row['target']:.3g}{processor}{_reason(row['what'])}"
        )
    return "\n".join(lines)


def _reason(what: str) -> str:
    return next((f".\n  Why: {why}." for start, why in _REASONS if what.startswith(start)), "")


def memory_line(results: Mapping[str, Any]) -> str:
    """The most memory of any row, against its target."""
    watched = [row for row in _rows(results) if row["peak"]]
    if not watched:
        return "Memory was not watched."
    most = max(watched, key=lambda row: row["peak"])
    verdict = "met" if most["peak"] <= MEMORY_TARGET else "**missed**"
    return "\n".join(
        (
            "| what | most of all rows | in | target | |",
            "| --- | --- | --- | --- | --- |",
            (
                f"| peak memory of envbuild's own process, {len(watched)} rows watched "
                f"| **{most['peak']:.0f} MiB** | {most['what']} | ≤ {MEMORY_TARGET} MiB | {verdict} |"
            ),
        )
    )


def load_line(results: Mapping[str, Any]) -> str:
    """Whether the machine did anything else, as far as its load tells."""
    loads = {name: float(result["machine"]["load before"]) for name, result in results.items()}
    if not loads:
        return ""
    busy = [f"{name} ({load:.1f})" for name, load in loads.items() if load > _BUSY]
    rounds = sorted({row["rounds"] for row in _rows(results) if row["cpu"]})
    told = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}" if rounds else "0"
    first = f"Each row is of {told} rounds. "
    if not busy:
        return f"{first}The machine was quiet: its load was at most {max(loads.values()):.1f} before each chapter."
    return (
        f"{first}Before these chapters the machine was busy with other work, or with the end of the chapter before "
        f"(load of the last minute): {', '.join(busy)}.\nFor these, the ratio of CPU times is more reliable."
    )


def growth_lines(growth: Mapping[str, Any]) -> str:
    """How each cost grows in the lower and in the upper half, and whether that is linear."""
    lines = [
        "| cost, in `python -c pass` | with fewest | with most | for each further one, lower half | upper half | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, points in growth["points"].items():
        lower, upper = _slopes(points)
        (low_x, low), (high_x, high) = points[0], points[-1]
        lines.append(
            f"| {name} | {low:.2f} at {low_x:g} | {high:.2f} at {high_x:g} "
            f"| {lower:.4f} | {upper:.4f} | {_linearity(points, lower, upper)} |"
        )
    return "\n".join(lines)


def _slopes(points: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Growth for one more, from the first point to the middle of the axis, and from there to the last."""
    middle = min(range(len(points)), key=lambda n: abs(points[n][0] - points[-1][0] / 2))
    middle = min(max(middle, 1), len(points) - 2) if len(points) > 2 else 0
    return _slope(points[0], points[middle]), _slope(points[middle], points[-1])


def _slope(one: Sequence[float], other: Sequence[float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0]) if other[0] > one[0] else 0.0


def _linearity(points: Sequence[Sequence[float]], lower: float, upper: float) -> str:
    (low_x, low), (high_x, high) = points[0], points[-1]
    if high - low <= _NOTHING:
        return "does not grow"
    expected = low + max(lower, 0.0) * (high_x - low_x)
    if high > expected * (1 + _BEND):
        return "**more than linear**"
    return "linear" if high > expected * (1 - _BEND) or upper >= lower else "less than linear"


def _rows(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for result in results.values():
        yield from result["rows"]
