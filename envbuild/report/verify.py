"""What `envbuild verify` prints."""

from __future__ import annotations

from envbuild.finding import finding_table
from envbuild.report.findings import finding_lines
from envbuild.report.looked import all_as_built, looked_at
from envbuild.report.units import render_count
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
    environments, generations = len(result.environments), len(result.generations)
    if not result.findings:
        yield all_as_built(environments, generations, quick=result.quick)
        return
    looked = looked_at(environments, generations, quick=result.quick)
    yield f"{looked}: {render_count(len(result.findings), 'difference')}"


def verify_table(result: Verified) -> dict[str, object]:
    """The same as a JSON object."""
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
    return {
        **verify_table(result.after),
        "before": [finding_table(finding) for finding in result.before.findings],
        "repaired": list(result.repaired),
        "refused": [finding_table(finding) for finding in result.refused],
    }
