"""Measure envbuild against its peers, and write docs/performance.md: `nox -s bench`.

Every chapter keeps its results until it is measured again, so a run may be of some alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scripts.bench.cold import measure_cold
from scripts.bench.large import measure_keeping, measure_rebuild, measure_start, prepare_large
from scripts.bench.page import read_results, write_page
from scripts.bench.place import describe_machine, open_place
from scripts.bench.small import measure_growth, measure_idle
from scripts.bench.trace import trace_idle

if TYPE_CHECKING:
    from scripts.bench.place import Place
    from scripts.bench.rows import Growth, Row

CHAPTERS = ("idle", "trace", "large", "cold", "growth")


def main(argv: list[str]) -> int:
    """Measure the chapters that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=", ".join(CHAPTERS))
    parser.add_argument("--rounds", type=int, default=5, help="at least 5 for the page")
    parser.add_argument("--drivers", type=int, default=200, help="the most that growth goes to")
    parser.add_argument("--folder", help="measure below this folder, on the file system it is on")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.chapters) - set(CHAPTERS)
    if unknown:
        parser.error(f"there is no chapter {', '.join(sorted(unknown))}")
    for chapter in arguments.chapters or CHAPTERS:
        with open_place(arguments.folder) as place:
            machine = describe_machine(place)
            rows, growth = _measure(place, chapter, arguments)
            texts = trace_idle(place) if chapter == "trace" else {}
        results = read_results()
        results[chapter] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": machine,
            "rows": [row.table() for row in rows],
            "growth": [asdict(item) for item in growth],
            "texts": texts,
        }
        write_page({name: results[name] for name in CHAPTERS if name in results})
    return 0


def _measure(
    place: Place, chapter: str, arguments: argparse.Namespace
) -> tuple[list[Row], list[Growth]]:
    rounds = arguments.rounds
    if chapter == "idle":
        return list(measure_idle(place, rounds)), []
    if chapter == "trace":
        return [], []
    if chapter == "cold":
        return list(measure_cold(place, rounds)), []
    if chapter == "growth":
        return [], [measure_growth(place, rounds, arguments.drivers)]
    project = prepare_large(place)
    rows = [
        *measure_rebuild(place, project, rounds),
        *measure_start(place, project, rounds),
        *measure_keeping(place, project, rounds),
    ]
    return rows, []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
