"""`envbuild check` as a page: findings, what the change does, and which drivers could share an interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import render_cause
from envbuild.report.conflicts_html import conflicts_sections
from envbuild.report.diff import render_change
from envbuild.report.html_page import Html, element, page, shown, table
from envbuild.report.lines import finding_place
from envbuild.report.markdown import headline, signed_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.check import CheckResult
    from envbuild.commands.comparison import RevisionComparison
    from envbuild.commands.conflicts import ConflictsResult
    from envbuild.finding import Finding
    from envbuild.lockfile.difference import DriverDiff
    from envbuild.text import Text

_KINDS = {"error": "no", "warning": "partly", "note": "yes"}


def render_check_html(result: CheckResult, conflicts: ConflictsResult | None) -> Text:
    """The whole page; without the matrix if there are not two lockfiles to compare."""
    return page(f"Check of {result.file}", *_sections(result, conflicts))


def _sections(result: CheckResult, conflicts: ConflictsResult | None) -> Iterator[Html]:
    verdict = "fails" if result.exit_code else "passes"
    yield element("p", element("strong", shown(verdict)), shown(f": {headline(result)}"))
    if result.findings:
        yield element("h2", shown("Findings"))
        yield table(
            ("level", "code", "where", "what", "what to do"), map(_finding, result.findings)
        )
    if result.comparison is not None:
        yield from _comparison(result.comparison, result.file)
    if conflicts is not None:
        yield element("h2", shown("Who could share an interpreter"))
        yield from conflicts_sections(conflicts)


def _finding(finding: Finding) -> tuple[Html, ...]:
    level = element("span", shown(f" {finding.level} "), class_=_KINDS[finding.level])
    return (
        level,
        element("code", shown(finding.code)),
        element("code", shown(finding_place(finding))),
        shown(finding.message),
        shown(finding.hint or ""),
    )


def _comparison(comparison: RevisionComparison, file: str) -> Iterator[Html]:
    yield element("h2", shown(f"Against {comparison.against}"))
    if not comparison.changed:
        yield element("p", shown("No driver changed."))
    for diff in comparison.changed:
        yield element("details", element("summary", _summary(diff)), _moves(diff))
    for pair in comparison.appeared:
        yield element("h3", shown(f"{pair.first} × {pair.second} now conflict"))
        clashes = pair.conflicts[0].clashes
        yield element(
            "pre",
            shown(
                "\n".join(
                    f"{clash.package}: {render_cause(cause, file)}"
                    for clash in clashes
                    for cause in clash.causes
                )
            ),
        )
    for first, second in comparison.vanished:
        yield element("p", shown(f"{first} × {second} no longer conflict"))


def _summary(diff: DriverDiff) -> Html:
    size = f", {signed_bytes(diff.download)} to download" if diff.download else ""
    return shown(f"{diff.driver} {diff.versions}: {diff.kind}{size}")


def _moves(diff: DriverDiff) -> Html:
    return element("pre", shown("\n".join(map(render_change, diff.changes))))
