"""What `envbuild check` prints as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import render_cause
from envbuild.report.conflicts import clash_table
from envbuild.report.diff import driver_diff_table, render_change, render_download, weightiest_first
from envbuild.report.lines import finding_place, render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.check import CheckResult
    from envbuild.commands.comparison import RevisionComparison
    from envbuild.commands.conflicts import JointAnswer
    from envbuild.conflicts.conflict import Pair
    from envbuild.finding import Finding
    from envbuild.text import Text

_SHOWN = 8


def render_check(result: CheckResult) -> Text:
    """Findings, then changes, then the verdict."""
    lines = [line for finding in result.findings for line in _finding_lines(finding)]
    if result.comparison is not None:
        lines += _comparison_lines(result.comparison, result.file)
    for answer in result.solved or ():
        lines += _answer_lines(answer)
    lines.append(verdict(result))
    return text_of(lines)


def check_table(result: CheckResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "declaration": result.file,
        "drivers": list(result.drivers),
        "passed": result.exit_code == 0,
        "findings": [finding_entry(finding) for finding in result.findings],
        "comparison": None if result.comparison is None else comparison_table(result.comparison),
        "solved": None
        if result.solved is None
        else [
            {
                "first": answer.first,
                "second": answer.second,
                "target": str(answer.target),
                "pins": None if answer.pins is None else dict(answer.pins),
                "words": answer.words,
            }
            for answer in result.solved
        ],
    }


def finding_entry(finding: Finding) -> dict[str, object]:
    """A finding as a JSON object."""
    return {
        "code": finding.code,
        "level": finding.level,
        "subject": finding.subject,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "hint": finding.hint,
    }


def verdict(result: CheckResult) -> str:
    """One line: how many errors, warnings and notes."""
    counted = [
        render_count(number, word)
        for word in ("error", "warning", "note")
        if (number := sum(finding.level == word for finding in result.findings))
    ]
    drivers = render_count(len(result.drivers), "driver")
    return f"{drivers}: {', '.join(counted) or 'no findings'}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"{finding_place(finding)}: {finding.level}: {finding.message} [{finding.code}]"
    if finding.hint:
        yield f"  hint: {finding.hint}"


def _comparison_lines(comparison: RevisionComparison, file: str) -> Iterator[str]:
    changed = comparison.changed
    yield f"against {comparison.against}: {render_count(len(changed), 'driver')} changed" + (
        render_download(comparison.download)
    )
    for diff in changed:
        yield f"  {diff.driver} {diff.versions}: {diff.kind}{render_download(diff.download)}"
        moves = weightiest_first(diff)
        yield from (f"    {render_change(change)}" for change in moves[:_SHOWN])
        if len(moves) > _SHOWN:
            yield f"    and {len(moves) - _SHOWN} more (`envbuild diff {comparison.against}`)"
    yield from moved_conflict_lines(comparison, file)


def moved_conflict_lines(comparison: RevisionComparison, file: str) -> Iterator[str]:
    """The pairs that conflict now, each with its chains, and those that no longer do."""
    for pair in comparison.appeared:
        yield from _pair_lines(pair, file)
    for first, second in comparison.vanished:
        yield f"  {first} × {second} no longer conflict"


def _pair_lines(pair: Pair, file: str) -> Iterator[str]:
    yield f"  {pair.first} × {pair.second} now conflict"
    for clash in pair.conflicts[0].clashes:
        yield f"    {clash.package}"
        yield from (f"      {render_cause(cause, file)}" for cause in clash.causes)


def _answer_lines(answer: JointAnswer) -> Iterator[str]:
    pair = f"{answer.first} × {answer.second}"
    if answer.pins is not None:
        yield f"{pair}: other versions on the index allow both ({answer.target})"
        return
    yield f"{pair}: no versions on the index allow both ({answer.target})"
    yield from (f"  {line}".rstrip() for line in (answer.words or "").splitlines())


def comparison_table(comparison: RevisionComparison) -> dict[str, object]:
    """The changes of every driver, and the conflicts that appeared and vanished, as a JSON object."""
    return {
        "against": comparison.against,
        "download": comparison.download,
        "drivers": {diff.driver: driver_diff_table(diff) for diff in comparison.drivers},
        "appeared": [
            {
                "first": pair.first,
                "second": pair.second,
                "clashes": [clash_table(clash) for clash in pair.conflicts[0].clashes],
            }
            for pair in comparison.appeared
        ],
        "vanished": [list(pair) for pair in comparison.vanished],
    }
