"""What `conflicts` says about made-up pairs, against uv installing and resolving them."""

from __future__ import annotations

import random
import subprocess
import tempfile
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings

from envbuild.conflicts.conflict import Compatible
from envbuild.conflicts.pair_decision import Fleet
from envbuild.uv.executable import uv_executable
from tests.property.toy_fleets import fleets
from tests.support.command_line import declare_drivers
from tests.support.fleets import TARGET, Line, locked_index, solutions
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.command_line import CommandLine
    from tests.support.fleets import Index, ToyFleet
    from tests.support.index_server import IndexServer

QUICK = settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
OFFLINE = ("--no-config", "--no-python-downloads", "--offline", "--quiet")


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv as envbuild does, away from every setting and index."""
    return subprocess.run((uv_executable(), *arguments), capture_output=True, text=True)


def wheels_of(index: Mapping[str, Mapping[str, tuple[str, ...]]]) -> list[Wheel]:
    """Every package version of a toy index as a wheel."""
    return [
        Wheel(name=name, version=version, requires=requires, extras=("x",))
        for name, versions in index.items()
        for version, requires in versions.items()
    ]


def complaints(pins: Mapping[str, str], wheels: list[Wheel], python: Path) -> str:
    """What uv says when it installs the pins into one environment and checks it; empty for nothing."""
    with tempfile.TemporaryDirectory(prefix="eb-") as folder:
        for wheel in wheels:
            wheel.write(Path(folder))
        environment = str(Path(folder) / "env")
        made = uv("venv", *OFFLINE, "--python", str(python), environment)
        wanted = [f"{name}=={version}" for name, version in pins.items()]
        place = ("--python", environment)
        links = ("--no-index", "--find-links", folder, "--no-deps")
        installed = uv("pip", "install", *OFFLINE, *place, *links, *wanted)
        checked = uv("pip", "check", "--no-config", *place)
        done = (made, installed, checked)
        return "".join(one.stderr for one in done if one.returncode)


@QUICK
@given(fleet=fleets(overrides=False, python=MINOR))
def test_uv_installs_the_pins_of_every_compatible_pair(fleet: ToyFleet, python: Path) -> None:
    """Whenever a pair is called compatible, uv installs the pins named into one environment without complaint."""
    wheels = wheels_of(locked_index(fleet.lockfiles.values()))
    decided = Fleet(fleet.lockfiles.values(), fleet.declaration)
    for first, second in combinations(fleet.lockfiles, 2):
        for outcome in decided.decide(first, second, explain=True).outcomes:
            if isinstance(outcome.answer, Compatible) and outcome.answer.pins:
                assert complaints(dict(outcome.answer.pins), wheels, python) == ""


def test_uv_agrees_with_every_joint_solution(
    run_envbuild: CommandLine, index: IndexServer, python: Path
) -> None:
    """What `--solve` finds, uv installs; where it finds nothing, trying every version finds nothing."""
    rng = random.Random(11)
    for number in range(6):
        packages = made_up(rng, f"p{number}")
        wheels = wheels_of(packages)
        index.add(*wheels)
        names = sorted(packages)
        drivers = {"one": [f"{names[0]}"], "two": [f"{names[1]}", f"{names[2]}<3"]}
        run_envbuild.declare(declare_drivers(drivers, python=MINOR))
        if run_envbuild("lock").code != 0:
            continue
        result = run_envbuild("conflicts", "--solve", "--format", "json", check=True).json
        lines = tuple(Line(tuple(requires)) for requires in drivers.values())
        possible = next(solutions(packages, lines, TARGET), None) is not None
        for answer in result["solved"]:
            assert (answer["pins"] is not None) == possible
            if answer["pins"] is not None:
                assert complaints(answer["pins"], wheels, python) == ""
            else:
                assert answer["words"]


def made_up(rng: random.Random, prefix: str) -> Index:
    """Four packages in three versions, each asking for some of the later ones."""
    names = [f"{prefix}-{letter}" for letter in "abcd"]
    packages: Index = {}
    for place, name in enumerate(names):
        packages[name] = {}
        for version in ("1.0", "2.0", "3.0"):
            later = [other for other in names[place + 1 :] if rng.random() < 0.8]
            packages[name][version] = tuple(
                f"{other}{rng.choice(('', '<2', '<3', '>=2', '==1.0', '==3.0'))}" for other in later
            )
    return packages
