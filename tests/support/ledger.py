"""What the fault suite ran, how often and what held: kept by the run itself, printed as a document."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from uv import find_uv_bin

FOLDER = Path(__file__).parents[2] / "build" / "faults"
"""Where runs leave their rows: one file a test, so that the latest run of each counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One fault as it was tried."""

    section: str
    fault: str
    times: int
    held: str
    """What was checked each time, and was so."""

    outcome: str = "held"
    """`held`, `FAILED`, or `not run: ` with the reason."""

    test: str = ""
    date: str = ""


def keep_row(row: Row) -> None:
    """Put a row where `render_document` finds it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in row.test)[-150:]
    (FOLDER / f"{name}.json").write_text(json.dumps(asdict(row)))


def keep_transcript(section: str, text: str) -> None:
    """Keep what a session said, to be shown below a section's table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{section}.txt").write_text(text)


def read_rows() -> list[Row]:
    """Every row that is kept, by section and fault."""
    rows = [Row(**json.loads(path.read_text())) for path in FOLDER.glob("*.json")]
    return sorted(rows, key=lambda row: (row.section, row.fault, row.test))


def render_document(rows: list[Row]) -> str:
    """`docs/reliability.md`."""
    lines = [_HEAD.format(machine=_machine())]
    for section in dict.fromkeys(row.section for row in rows):
        lines += [
            f"\n## {section}\n",
            "| fault | times | promise | outcome |",
            "| --- | --- | --- | --- |",
        ]
        for row in _merged(rows):
            if row.section == section:
                outcome = row.outcome if row.outcome == "held" else f"**{row.outcome}**"
                lines.append(f"| {row.fault} | {row.times or '-'} | {row.held} | {outcome} |")
        transcript = FOLDER / f"{section}.txt"
        if transcript.exists():
            lines += ["", "```", transcript.read_text(), "```"]
    total = sum(row.times for row in rows if row.outcome == "held")
    dates = sorted(row.date for row in rows)
    lines.append(f"\n{total:,} faults, from {dates[0]} to {dates[-1]} (UTC).")
    return "\n".join(lines) + "\n"


def _merged(rows: list[Row]) -> list[Row]:
    """Rows that say the same of the same fault as one, their times added."""
    merged: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (row.section, row.fault, row.held, row.outcome)
        before = merged.get(key)
        merged[key] = replace(row, times=row.times + before.times) if before else row
    return [*merged.values()]


def _machine() -> str:
    uv = subprocess.run((find_uv_bin(), "--version"), capture_output=True, text=True).stdout.split()
    asked = ("findmnt", "--noheadings", "--output", "FSTYPE", "--target", "/tmp")
    kind = subprocess.run(asked, capture_output=True, text=True)
    user = "root" if os.geteuid() == 0 else "an ordinary user"
    return (
        f"{platform.system()} {platform.release()} ({platform.machine()}), {os.cpu_count()} cores, "
        f"{kind.stdout.strip()}, Python {platform.python_version()}, uv {uv[1]}, run as {user}"
    )


_HEAD = """\
# Reliability: the tested faults, and their outcome

The fault tests write this page (`nox -s faults`); nothing here is written by hand.
Each row shows its latest run; the last line has the times of the first and the last one.
CI runs a sample of each row.

Machine: {machine}.

*Complete* means: `verify` reads every file of every environment that has a receipt, and finds no difference.
*Converges* means: the same command, run again without the fault,
gives the same drivers, versions, keys and file contents as an undisturbed run."""
