"""`envbuild check` and other comparisons as the comment under a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.comparison import RevisionComparison
from envbuild.conflicts.conflict import render_cause
from envbuild.report.diff import render_change, weightiest_first
from envbuild.report.lines import finding_place, render_bytes, render_count
from envbuild.report.markup import (
    Markup,
    bold,
    bullet,
    code,
    document,
    folded_diff,
    heading,
    join,
    prose,
    row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.check import CheckResult
    from envbuild.commands.diff import DiffResult
    from envbuild.conflicts.conflict import Pair
    from envbuild.finding import Finding
    from envbuild.lockfile.difference import Change, DriverDiff
    from envbuild.text import Text

_SIGNS = {"error": "❌", "warning": "⚠️", "note": "📝"}
_NAMED = 4


def render_markdown(result: CheckResult) -> Text:
    """A headline with the result, the next steps, a table of drivers, and folded details."""
    return document(_lines(result))


def render_diff_markdown(result: DiffResult) -> Text:
    """What `envbuild diff` found, as a comment: a headline, a table of drivers, and folded details."""
    comparison = RevisionComparison(
        against=result.against, drivers=result.drivers, appeared=(), vanished=()
    )
    said = (f"{name} has no lockfile yet" for name in result.not_locked)
    return document(comparison_document(comparison, "", Markup(""), said))


def comparison_document(
    comparison: RevisionComparison, file: str, sign: Markup, said: Iterable[str] = ()
) -> Iterator[str]:
    """A comment about a comparison: its headline, what else is said, and the changes; `file` is the declaration."""
    yield heading(join([sign, prose(", ".join(comparison_words(comparison)))]))
    points = tuple(said)
    if points:
        yield ""
        yield from (bullet(prose(line)) for line in points)
    yield from comparison_lines(comparison, file)


def _lines(result: CheckResult) -> Iterator[str]:
    sign = Markup("✅ envbuild: " if result.exit_code == 0 else "❌ envbuild: ")
    yield heading(join([sign, prose(headline(result))]))
    if result.findings:
        yield ""
        yield from (bullet(_finding(finding)) for finding in result.findings)
    if result.comparison is not None:
        yield from comparison_lines(result.comparison, result.file)


def headline(result: CheckResult) -> str:
    """The result in a few words, such as `1 error, 2 drivers changed`."""
    levels = [finding.level for finding in result.findings]
    parts = [render_count(levels.count(level), level) for level in _SIGNS if level in levels]
    if result.comparison is not None:
        parts += comparison_words(result.comparison)
    return ", ".join(parts) or f"{render_count(len(result.drivers), 'driver')}, no findings"


def comparison_words(comparison: RevisionComparison) -> Iterator[str]:
    """How many drivers changed, how many conflicts came and went, how much more there is to download."""
    yield f"{render_count(len(comparison.changed), 'driver')} changed"
    if comparison.appeared:
        yield render_count(len(comparison.appeared), "new conflict")
    if comparison.vanished:
        yield f"{render_count(len(comparison.vanished), 'conflict')} gone"
    if comparison.download:
        yield f"{signed_bytes(comparison.download)} to download"


def _finding(finding: Finding) -> Markup:
    sign, place = Markup(_SIGNS[finding.level]), finding_place(finding)
    parts = [sign, code(finding.code), code(place), prose(finding.message)]
    if finding.hint:
        parts += [Markup("—"), prose(finding.hint)]
    return join(parts, " ")


def comparison_lines(comparison: RevisionComparison, file: str) -> Iterator[str]:
    """A table of the drivers that changed, the conflicts that appeared, and each driver's changes, folded."""
    if comparison.changed:
        yield ""
        heads = ("driver", "version", "what moves", f"against {comparison.against}")
        yield row(map(prose, heads))
        yield row([Markup("---")] * len(heads))
        yield from (_driver_row(diff) for diff in comparison.changed)
    for pair in comparison.appeared:
        yield ""
        yield bold(f"{pair.first} × {pair.second} now conflict")
        yield ""
        yield from _proof_lines(pair, file)
    for diff in comparison.changed:
        yield from _detail_lines(diff)


def _driver_row(diff: DriverDiff) -> str:
    size = "" if not diff.download else signed_bytes(diff.download)
    return row([prose(diff.driver), prose(diff.versions), _moves(diff), prose(size)])


def _moves(diff: DriverDiff) -> Markup:
    """Replaced files, accelerator packages and major changes by name, the rest as a count."""
    if diff.kind in ("added", "removed"):
        return prose("new driver" if diff.kind == "added" else "driver removed")
    named = (*diff.replaced, *diff.accelerator, *diff.major)
    texts = [code(_move(change)) for change in named[:_NAMED]]
    rest = len(diff.changes) - len(texts)
    if rest:
        word = "more" if texts else "packages" if rest > 1 else "package"
        texts.append(prose(f"{rest} {word}"))
    return join(texts or [prose("requirements only, no version")], ", ")


def _move(change: Change) -> str:
    return render_change(change).replace("~ ", "")


def _proof_lines(pair: Pair, file: str) -> Iterator[str]:
    for clash in pair.conflicts[0].clashes:
        chains = join((code(render_cause(cause, file)) for cause in clash.causes), " against ")
        yield bullet(join([code(clash.package), chains], ": "))


def _detail_lines(diff: DriverDiff) -> Iterator[str]:
    if diff.kind != "changed" or not diff.changes:
        return
    yield ""
    summary = f"{diff.driver}: {render_count(len(diff.changes), 'change')}"
    lines = (render_change(change).replace("~ ", "! ") for change in weightiest_first(diff))
    yield from folded_diff(summary, lines)


def signed_bytes(size: int) -> str:
    """`+1.2 MiB`, `-3 B`."""
    return f"{'+' if size > 0 else '-'}{render_bytes(abs(size))}"
