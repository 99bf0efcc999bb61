"""Findings as lines."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.finding import Finding

_SHOWN = 20


def finding_lines(findings: Iterable[Finding], *, shown: int = _SHOWN) -> Iterator[str]:
    """One line a finding, its hint below it, and how many more there are of the same subject."""
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
