"""docs/performance.md and its plots, out of the file of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.bench.plots import draw_bars, draw_lines
from scripts.bench.summary import growth_lines, load_line, memory_line, target_line

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS = Path(__file__).parents[2] / "docs"
_RESULTS = "performance/results.json"
_TEXT = Path(__file__).with_name("performance.md")


def read_results(docs: Path) -> dict[str, Any]:
    """What earlier runs have measured, by chapter."""
    file = docs / _RESULTS
    if not file.is_file():
        return {}
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded


def write_page(measured: dict[str, Any], order: Sequence[str], docs: Path) -> None:
    """Write the results, the plots, and the page that shows them, chapters in order."""
    results = {name: measured[name] for name in order if name in measured}
    plots = docs / "performance"
    plots.mkdir(parents=True, exist_ok=True)
    (docs / _RESULTS).write_text(json.dumps(results, indent=1) + "\n")
    parts = []
    bars = []
    for name, result in results.items():
        rows = result["rows"]
        bars += [
            (_plain(f"{row['what']} / {row['peer']}"), row["ratio"], row["target"])
            for row in rows
            if row["target"] is not None
        ]
        parts.append(_chapter(name, result))
        for number, growth in enumerate(result["growth"]):
            file = f"{name}-{number}.svg"
            lines = {_plain(label): points for label, points in growth["points"].items()}
            svg = draw_lines(growth["title"], {growth["axis"]: lines})
            (plots / file).write_text(svg)
            parts.append(
                f"![Lines: {growth['title']}; the table below has the figures](performance/{file})\n"
            )
            parts.append(f"{growth_lines(growth)}\n")
    if bars:
        svg = draw_bars("Time, as a ratio to the peer's", bars)
        (plots / "ratios.svg").write_text(svg)
    text = _TEXT.read_text()
    for mark, words in (
        ("results", "\n".join(parts).strip()),
        ("targets", target_line(results)),
        ("memory", memory_line(results)),
        ("load", load_line(results)),
    ):
        text = text.replace(f"<!-- {mark} -->", words)
    (docs / "performance.md").write_text(text)


def _chapter(name: str, result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = []
    chapter = ""
    for row in result["rows"]:
        if row["chapter"] != chapter:
            chapter = row["chapter"]
            lines += [
                f"\n### {chapter}\n",
                "| what | peer | ratio | single rounds | processor | target | | envbuild | peer | memory |",
                "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            ]
        lines.append(_row(row))
        if row["note"]:
            lines.append(f"| *{row['note']}* | | | | | | | | | |")
    for title, text in result.get("texts", {}).items():
        lines.append(f"\n### {title}\n\n```\n{text}\n```")
    took = f"; the chapter took {result['minutes']} minutes" if "minutes" in result else ""
    facts = "; ".join(f"{key}: {value}" for key, value in machine.items())
    return "\n".join((*lines, f"\n`nox -s bench -- {name}`, {result['date']}. {facts}{took}.\n"))


def _row(row: dict[str, Any]) -> str:
    target = row["target"]
    verdict = "" if target is None else "met" if row["ratio"] <= target else "**missed**"
    unit = _time if row["cpu"] else _bytes
    cells = (
        row["what"],
        row["peer"],
        f"**{row['ratio']:.3g}**",
        f"{row['low']:.3g} to {row['high']:.3g}" if row["rounds"] > 1 else "",
        f"{row['cpu']:.3g}" if row["cpu"] else "",
        "" if target is None else f"≤ {target:g}",
        verdict,
        unit(row["ours"]),
        unit(row["theirs"]),
        f"{row['peak']:.0f} MiB" if row["peak"] else "",
    )
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _bytes(count: float) -> str:
    return f"{count / 2**20:.0f} MiB"


def _plain(text: str) -> str:
    return text.replace("`", "")
