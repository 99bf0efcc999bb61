"""Measure envbuild against its peers, and write docs/performance.md: `nox -s bench`.

Every chapter keeps its results until it is measured again, so a run may be of some alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench.chapters import CHAPTERS
from scripts.bench.page import DOCS, read_results, write_page
from scripts.bench.place import describe_machine, open_place


def main(argv: list[str]) -> int:
    """Measure the chapters that are named, or all that are not heavy."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=__doc__,
        epilog="\n".join(f"{name}: {chapter.about}" for name, chapter in CHAPTERS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all but heavy")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5 for the page")
    parser.add_argument("--heavy", action="store_true", help="the heavy chapters too")
    parser.add_argument("--folder", help="measure below this folder, on the file system it is on")
    parser.add_argument("--gib", type=int, help="the size of the file system")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page is written")
    parser.add_argument("--page", action="store_true", help="write the page anew, measure nothing")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.chapters) - set(CHAPTERS)
    if unknown:
        parser.error(f"there is no chapter {', '.join(sorted(unknown))}")
    usual = [name for name in CHAPTERS if arguments.heavy or not CHAPTERS[name].heavy]
    for name in () if arguments.page else arguments.chapters or usual:
        sys.stderr.write(f"== {name}: {CHAPTERS[name].about}\n")
        _measure(name, arguments)
    write_page(read_results(arguments.docs), tuple(CHAPTERS), arguments.docs)
    return 0


def _measure(name: str, arguments: argparse.Namespace) -> None:
    """Measure a chapter, and write what it says into the file of results."""
    chapter = CHAPTERS[name]
    begin = time.monotonic()
    with open_place(arguments.folder, arguments.gib or chapter.gib, memory=chapter.memory) as place:
        machine = describe_machine(place)
        measured = chapter.measure(place, arguments.rounds)
    minutes = (time.monotonic() - begin) / 60
    results = read_results(arguments.docs)
    results[name] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "minutes": round(minutes, 1),
        "machine": machine,
        "rows": [asdict(row) for row in measured.rows],
        "growth": [asdict(item) for item in measured.growth],
        "texts": dict(measured.texts or {}),
    }
    write_page(results, tuple(CHAPTERS), arguments.docs)
    sys.stderr.write(f"== {name}: {minutes:.1f} minutes\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
