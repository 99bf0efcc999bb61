"""Fleets to measure on: small made-up wheels from an index on loopback, and real drivers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.rounds import Call
from tests.support.command_line import declare_drivers
from tests.support.pythons import own_python
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scripts.bench.place import Place
    from tests.support.index_server import IndexServer

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A folder with a declaration, and a store."""

    place: Place
    folder: Path
    more: Mapping[str, str]
    """Environment variables: where the index is."""

    @property
    def store(self) -> Path:
        """Its store."""
        return self.folder / "s"

    def environment(self) -> dict[str, str]:
        """What envbuild is started with."""
        path = os.pathsep.join((str(own_python().parent), os.environ["PATH"]))
        return self.place.environment(ENVBUILD_STORE=str(self.store), PATH=path, **self.more)

    def envbuild(self, *arguments: str) -> str:
        """Run envbuild, not measured."""
        return self.place.run(
            self.place.envbuild, *arguments, cwd=self.folder, **self.environment()
        )

    def call(self, *arguments: str, times: int = 1, watch: bool = False) -> Call:
        """Run envbuild, measured."""
        argv = (self.place.envbuild, *arguments)
        return Call(argv=argv, env=self.environment(), cwd=self.folder, times=times, watch=watch)

    def declare(self, text: str) -> None:
        """Write the declaration."""
        (self.folder / "drivers.toml").write_text(text)

    def of(self, driver: str, what: str) -> str:
        """`--env`, `--python` of a driver."""
        return self.envbuild("which", driver, what).strip()


def small_wheels(drivers: int, packages: int) -> tuple[list[Wheel], dict[str, list[str]]]:
    """So many drivers that share so many small packages; and what each requires."""
    shared = [
        Wheel(name=f"p{n}", files={f"p{n}/m{k}.py": f"x = {k}\n" for k in range(3)})
        for n in range(packages)
    ]
    names = tuple(wheel.name for wheel in shared)
    commands = [command_wheel(f"d{n}", requires=names) for n in range(drivers)]
    return [*shared, *commands], {wheel.name: [wheel.name] for wheel in commands}


def small_project(
    place: Place, index: IndexServer, drivers: int, packages: int, *, name: str
) -> Project:
    """A locked fleet of small wheels, not built yet; `index` holds its wheels."""
    wheels, requires = small_wheels(drivers, packages)
    index.add(*wheels)
    project = Project(
        place=place,
        folder=place.folder(name),
        more={"ENVBUILD_INDEX_DEFAULT_URL": index.url},
    )
    project.declare(declare_drivers(requires, python=MINOR))
    project.envbuild("lock")
    return project


LARGE: Sequence[str] = ("litellm[proxy]", "pandas", "sympy")
"""Real packages that come to an environment of some 20,000 files."""


def large_project(place: Place, *, name: str = "large") -> Project:
    """One real driver out of the host's default index, not locked yet."""
    project = Project(place=place, folder=place.folder(name), more={})
    declare_large(project, "certifi>=2024")
    return project


def declare_large(project: Project, constraint: str) -> None:
    """Declare the large driver; the constraint moves one of its packages."""
    text = declare_drivers({"large": list(LARGE)}, python=MINOR)
    more = f'binary = "litellm"\nconstraints = ["{constraint}"]\n'
    more += 'env = { LITELLM_LOCAL_MODEL_COST_MAP = "True" }\n'
    project.declare(text + more)
