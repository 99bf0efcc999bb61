"""What `envbuild doctor` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import finding_table
from envbuild.report.lines import finding_lines, render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.doctor import Diagnosis, UnitCommand
    from envbuild.text import Text

_GOOD = ("exact", "stable")
_WORDS = {
    "exact": "always starts exactly this environment",
    "stable": "starts the current environment at its next start",
    "old": "starts an environment that is not current",
    "outside": "starts something outside the store",
    "missing": "starts a file that does not exist",
}


def render_doctor(result: Diagnosis) -> Text:
    """The host, then the units, then what is wrong."""
    return text_of(_lines(result))


def doctor_table(result: Diagnosis) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "facts": dict(result.facts),
        "findings": [finding_table(finding) for finding in result.findings],
        "units": [_unit_table(unit) for unit in result.units],
    }


def _lines(result: Diagnosis) -> Iterator[str]:
    yield from (f"{name}: {text}" for name, text in result.facts)
    for unit in result.units:
        owner = f" ({unit.driver})" if unit.driver else ""
        yield f"{unit.file}:{unit.line}: {unit.kind}: {unit.executable}{owner} {_WORDS[unit.kind]}"
    yield from finding_lines(result.findings)
    count = len(result.findings) + sum(unit.kind not in _GOOD for unit in result.units)
    yield render_count(count, "problem") if count else "nothing is wrong"


def _unit_table(unit: UnitCommand) -> dict[str, object]:
    return {
        "file": unit.file,
        "line": unit.line,
        "executable": unit.executable,
        "kind": unit.kind,
        "driver": unit.driver,
    }
