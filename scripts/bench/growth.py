"""How costs grow: with the number of drivers, and with the number of packages in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.bench.fleets import LIFETIME, lock_small, small_project
from scripts.bench.rounds import Sample, compete
from scripts.bench.rows import Growth, Measured, compare
from scripts.bench.small import NOTHING, nothing
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scripts.bench.fleets import Project
    from scripts.bench.place import Place
    from scripts.bench.rounds import Contest
    from scripts.bench.rows import Row

DRIVERS = (1, 50, 100, 150, 200)
FEW_PACKAGES = 5
PACKAGES = (50, 160, 270, 380, 500)
FEW_DRIVERS = 8
_CHAPTER = "200 drivers"
_COSTS = ("`sync`, nothing to do", "plan (`sync --dry-run`, one driver changed)", "switch", "`gc`")


def measure_growth(place: Place, rounds: int) -> Measured:
    """Drivers from 1 to 200 of a few packages, then packages from 50 to 500 in a few drivers."""
    with IndexServer(lifetime=LIFETIME) as index:
        fleet = small_project(place, index, 1, FEW_PACKAGES, name="fleet")
        by_drivers = []
        for number in DRIVERS:
            lock_small(fleet, index, number, FEW_PACKAGES)
            by_drivers.append((number, _contest(place, fleet, rounds)))
        by_packages = []
        for number in PACKAGES:
            project = small_project(place, index, FEW_DRIVERS, number, name=f"of-{number}")
            by_packages.append((number, _contest(place, project, rounds)))
    return Measured(
        rows=tuple(_most(by_drivers[-1][1], DRIVERS[-1])),
        growth=(
            _lines(by_drivers, "drivers", f"drivers of {FEW_PACKAGES + 1} small wheels each"),
            _lines(by_packages, "packages", f"packages in each of {FEW_DRIVERS} drivers"),
        ),
    )


def _lines(contests: Sequence[tuple[int, Contest]], over: str, axis: str) -> Growth:
    return Growth(
        title=f"Time over {over}, in units of python -c pass",
        axis=axis,
        points={
            name: [(number, contest.ratio(name, NOTHING)) for number, contest in contests]
            for name in _COSTS
        },
    )


def _contest(place: Place, project: Project, rounds: int) -> Contest:
    """The four costs of a fleet that is built, all but one of its drivers' environments untouched."""
    declared = (project.folder / "drivers.toml").read_text()
    changed = declared.replace("[drivers.d0]\n", '[drivers.d0]\nenv = { ROUND = "N" }\n')
    project.envbuild("sync")
    project.envbuild("sync")

    def with_declaration(text: str, *arguments: str) -> Callable[[int], Sample]:
        def measure(number: int) -> Sample:
            project.declare(text.replace("N", str(number)))
            sample = project.call(*arguments, times=3)(number)
            project.declare(declared)
            return sample

        return measure

    def switch(number: int) -> Sample:
        """The declared commands change what a generation names, and no environment."""
        project.declare(
            declared.replace("[drivers.d0]\n", "[drivers.d0]\ncommands = ['d0', 'd0-too']\n")
        )
        sample = project.call("sync")(number)
        project.declare(declared)
        project.envbuild("sync")
        return sample

    return compete(
        rounds,
        {
            NOTHING: nothing(place),
            _COSTS[0]: project.call("sync", times=5),
            _COSTS[1]: with_declaration(changed, "sync", "--dry-run"),
            _COSTS[2]: switch,
            _COSTS[3]: project.call("gc", "--keep", "3"),
        },
    )


def _most(contest: Contest, drivers: int) -> Iterator[Row]:
    for name, target in zip(_COSTS, (6.0, None, None, None), strict=True):
        what = f"{name}, {drivers} drivers"
        yield compare(contest, name, NOTHING, chapter=_CHAPTER, what=what, target=target)
