"""What `envbuild verify` prints."""

from __future__ import annotations

from envbuild.report.lines import finding_lines, render_count
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.repair import Repaired
    from envbuild.commands.verify import Verified
    from envbuild.text import Text


def render_verify(result: Verified) -> Text:
    """Every finding a line, then what was looked at."""
    return text_of(_lines(result))


def _lines(result: Verified) -> Iterator[str]:
    yield from finding_lines(result.findings)
    for found in result.warnings:
        yield f"warning: {found.subject}/{found.path}: {found.message}"
    how = " by size, time and inode" if result.quick else ""
    environments = render_count(len(result.environments), "environment")
    generations = render_count(len(result.generations), "generation")
    differ = render_count(len(result.findings), "difference") if result.findings else "all as built"
    yield f"{environments} and {generations} checked{how}: {differ}"


def verify_table(result: Verified) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    return {
        "quick": result.quick,
        "clean": not result.findings,
        "environments": [
            {
                "name": environment.used.name,
                "drivers": list(environment.used.drivers),
                "generations": list(environment.used.generations),
                "clean": not environment.findings,
            }
            for environment in result.environments
        ],
        "generations": [generation.number for generation in result.generations],
        "findings": [finding_table(finding) for finding in result.findings],
        "warnings": [finding_table(finding) for finding in result.warnings],
        "before": None,
        "repaired": [],
        "refused": [],
    }


def render_repair(result: Repaired) -> Text:
    """What drifted, what was put back, what could not be, and what is left."""
    lines = [
        *finding_lines(result.before.findings),
        *(f"repaired {subject}" for subject in result.repaired),
        *finding_lines(result.refused),
    ]
    return text_of([*lines, *_lines(result.after)])


def repair_table(result: Repaired) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    return {
        **verify_table(result.after),
        "before": [finding_table(finding) for finding in result.before.findings],
        "repaired": list(result.repaired),
        "refused": [finding_table(finding) for finding in result.refused],
    }
