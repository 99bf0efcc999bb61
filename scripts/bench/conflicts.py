"""How long the matrix of conflicts takes, and how it grows with drivers and packages.

    python scripts/bench/conflicts.py [--plot docs/conflicts-growth.svg]

Each point is a made-up fleet (see made_up_fleet.py), read from its lockfiles' text, every pair decided;
CPU seconds of this one process, the median of three, each in a process of its own.
`--plot` needs the dependency group `bench`.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from made_up_fleet import make_fleet  # noqa: E402  (found through the line above)

GOAL = (50, 150)
DRIVERS = (10, 20, 30, 40, 50, 60, 70)
PACKAGES = (50, 100, 150, 200, 250, 300)


def measure(drivers: int, packages: int) -> dict[str, float]:
    """Read the lockfiles and decide every pair, in CPU seconds."""
    import packaging.markers  # what any command has loaded
    import packaging.specifiers  # noqa: F401

    from envbuild.conflicts.pair_decision import Fleet
    from envbuild.lockfile.parse import parse_lockfile
    from envbuild.lockfile.text import render_lockfile

    declaration, lockfiles = make_fleet(drivers, packages)
    texts = [render_lockfile(lockfile) for lockfile in lockfiles]
    gc.collect()
    gc.disable()  # as the command does
    started = time.process_time()
    read = [parse_lockfile(text, file="locks/x.toml") for text in texts]
    parsed = time.process_time()
    fleet = Fleet(read, declaration)
    names = [lockfile.driver for lockfile in read]
    answers = [fleet.decide(*pair).compatible for pair in combinations(names, 2)]
    done = time.process_time()
    return {
        "drivers": drivers,
        "packages": round(statistics.mean(len(one.packages) for one in lockfiles)),
        "pairs": len(answers),
        "conflicts": answers.count(False),
        "read": round(parsed - started, 3),
        "matrix": round(done - parsed, 3),
    }


def median_of(drivers: int, packages: int, times: int = 3) -> dict[str, float]:
    """The measurement with the median time, each in a fresh process."""
    found = []
    for _ in range(times):
        argv = [sys.executable, __file__, "--one", str(drivers), str(packages)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    found.sort(key=lambda one: one["matrix"])
    return dict(found[len(found) // 2])


def main() -> None:
    """Print the goal and the growth; draw them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--plot", metavar="FILE", help="draw the growth as SVG")
    parser.add_argument("--one", nargs=2, type=int, metavar="N", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(measure(*arguments.one)))
        return
    by_drivers = [median_of(drivers, GOAL[1]) for drivers in DRIVERS]
    by_packages = [median_of(GOAL[0], packages) for packages in PACKAGES]
    for point in (*by_drivers, *by_packages):
        sys.stdout.write(
            f"{point['drivers']:3.0f} drivers × {point['packages']:3.0f} packages, "
            f"{point['pairs']:4.0f} pairs, {point['conflicts']:4.0f} conflicts: "
            f"matrix {point['matrix']:.2f} s, reading {point['read']:.2f} s\n"
        )
    if arguments.plot:
        Path(arguments.plot).write_text(_drawn(by_drivers, by_packages), encoding="utf-8")


def _drawn(by_drivers: list[dict[str, float]], by_packages: list[dict[str, float]]) -> str:
    """Two charts with one y axis: over drivers, and over packages."""
    from plots import draw_lines

    names = {"the matrix": "matrix", "reading the lockfiles": "read"}

    def lines(points: list[dict[str, float]], over: str) -> dict[str, list[tuple[float, float]]]:
        return {
            name: [(point[over], point[key]) for point in points] for name, key in names.items()
        }

    return draw_lines(
        "Every pair of a made-up fleet decided: CPU seconds",
        {
            f"drivers of {GOAL[1]} packages or more": lines(by_drivers, "drivers"),
            f"packages a driver ({GOAL[0]} drivers)": lines(by_packages, "packages"),
        },
        goal=("the goal for {} × {}: 1 s".format(*GOAL), 1.0),
    )


if __name__ == "__main__":
    main()
