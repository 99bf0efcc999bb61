"""Sizes, counts, columns, findings and problems as lines of text."""

from __future__ import annotations

from envbuild.text import escaped, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.build.builder import Failure
    from envbuild.commands.lock_result import LockFailure
    from envbuild.errors import Problem
    from envbuild.finding import Finding
    from envbuild.text import Text

_STEP = 1024
_SHOWN = 20


def render_bytes(size: int) -> str:
    """`512 B`, `1.5 MiB`, `9.8 GiB`."""
    if size < _STEP:
        return f"{size} B"
    number = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        number /= _STEP
        if round(number, 1) < _STEP:
            return f"{number:.1f} {unit}"
    return f"{number / _STEP:.1f} TiB"


def column_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines, two blanks between columns, none at the end of a line."""
    rows = [[*map(escaped, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def separated(blocks: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of blocks, with an empty line between two blocks."""
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from block


def render_count(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 driver`, `2 drivers`; `nouns` is the plural where it is not the noun with an `s`."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


def finding_place(finding: Finding) -> str:
    """`drivers.toml:12`; without a file its subject."""
    place = finding.path or finding.subject
    return place if finding.line is None else f"{place}:{finding.line}"


def finding_lines(findings: Iterable[Finding], *, shown: int = _SHOWN) -> Iterator[str]:
    """One line for each finding, its hint below it, and how many more there are with the same subject."""
    subjects: dict[str, list[Finding]] = {}
    for finding in findings:
        subjects.setdefault(finding.subject, []).append(finding)
    for subject, group in subjects.items():
        for finding in group[:shown]:
            place = f"{subject}/{finding.path}" if finding.path else subject
            yield f"{place}: {finding.message}"
            if finding.hint:
                yield f"  hint: {finding.hint}"
        if len(group) > shown:
            yield f"{subject}: and {len(group) - shown} more"


def render_problems(problems: Iterable[Problem]) -> Text:
    """The problem in one line; then another program's output and the hint, indented."""
    said = (problem.lines() for problem in problems)
    return text_of(line for first, *more in said for line in (f"error: {first}", *more))


def render_failures(failures: Iterable[Failure | LockFailure]) -> Text:
    """The problems of drivers that failed, while the command went on."""
    return render_problems(problem for one in failures for problem in one.error.problems)
