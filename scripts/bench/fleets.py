"""Fleets to measure on: small made-up wheels from an index on loopback, and real drivers."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.target.target import parse_platform
from scripts.bench.rounds import Call
from tests.support.command_line import declare_drivers, host_platform
from tests.support.pythons import MINOR, own_python
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scripts.bench.place import Place
    from tests.support.index_server import IndexServer

LIFETIME = 3 * 3600.0
"""Seconds that an index of the bench may live."""


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

    def by_peer(self, script: str, cwd: Path) -> Call:
        """Run lines of uv, measured, with the index that the project has."""
        env = self.place.environment(UV_DEFAULT_INDEX=self.more["ENVBUILD_INDEX_DEFAULT_URL"])
        return Call(argv=("/bin/sh", "-c", script), env=env, cwd=cwd)

    def declare(self, text: str) -> None:
        """Write the declaration."""
        (self.folder / "drivers.toml").write_text(text)

    def of(self, driver: str, what: str) -> str:
        """`--env`, `--python` of a driver."""
        return self.envbuild("which", driver, what).strip()


def project_with_caches(place: Place, name: str, index: str) -> Project:
    """An empty project over an index, whose caches lie in its own folder `cache`."""
    folder = place.folder(name)
    more = {"ENVBUILD_INDEX_DEFAULT_URL": index, "XDG_CACHE_HOME": str(folder / "cache")}
    return Project(place=place, folder=folder, more=more)


def compile_line(place: Place, cache: Path, output: str, *inputs: str) -> str:
    """`uv pip compile` of inputs for this host's platform, as a shell's line."""
    platform = parse_platform(host_platform())
    argv = place.uv_arguments(
        "pip compile",
        *("--no-header", "--format", "pylock.toml", "--output-file", output),
        *("--python", place.python, "--python-version", MINOR),
        *("--python-platform", f"{platform.arch}-manylinux_{platform.major}_{platform.minor}"),
        *("--only-binary", ":all:", *inputs),
        cache=cache,
    )
    return " ".join(argv)


_NOTHING = "def main():\n    return 0\n"
"""A driver that ends at once, so that what starts it is what is measured."""


def small_wheels(drivers: int, packages: int) -> tuple[list[Wheel], dict[str, list[str]]]:
    """So many drivers that share so many small packages; and what each requires."""
    shared = [
        Wheel(name=f"p{n}", files={f"p{n}/m{k}.py": f"x = {k}\n" for k in range(3)})
        for n in range(packages)
    ]
    names = tuple(wheel.name for wheel in shared)
    commands = [
        replace(
            command_wheel(f"d{n}", requires=names),
            files={f"d{n}/__init__.py": "", f"d{n}/cli.py": _NOTHING},
            commands={f"d{n}": f"d{n}.cli:main", f"d{n}-too": f"d{n}.cli:main"},
        )
        for n in range(drivers)
    ]
    return [*shared, *commands], {wheel.name: [wheel.name] for wheel in commands}


def small_project(
    place: Place, index: IndexServer, drivers: int, packages: int, *, name: str
) -> Project:
    """A locked fleet of small wheels, not built yet; `index` holds its wheels."""
    project = Project(
        place=place,
        folder=place.folder(name),
        more={"ENVBUILD_INDEX_DEFAULT_URL": index.url},
    )
    lock_small(project, index, drivers, packages)
    return project


def lock_small(project: Project, index: IndexServer, drivers: int, packages: int) -> None:
    """Declare so many drivers and lock those that are new; those that were there stay as they are."""
    wheels, requires = small_wheels(drivers, packages)
    index.add(*wheels)
    project.declare(declare_drivers(requires, python=MINOR))
    project.envbuild("lock")


@dataclass(frozen=True, kw_only=True, slots=True)
class RealDriver:
    """A driver of real packages out of the host's default index."""

    name: str
    requires: Sequence[str]
    more: str = ""
    """Further lines of its table."""

    def declare(self, project: Project, constraint: str) -> None:
        """Declare it alone; the constraint moves one of its packages."""
        text = declare_drivers({self.name: list(self.requires)}, python=MINOR)
        project.declare(f'{text}{self.more}constraints = ["{constraint}"]\n')


LARGE = RealDriver(
    name="large",
    requires=("litellm[proxy]", "pandas", "sympy"),
    more='binary = "litellm"\nenv = { LITELLM_LOCAL_MODEL_COST_MAP = "True" }\n',
)
"""Comes to an environment of some 17,000 files, and as many again of bytecode."""

HUGE = RealDriver(
    name="huge",
    requires=(
        *LARGE.requires,
        *("pyarrow", "scipy", "scikit-learn", "onnxruntime", "faster-whisper", "statsmodels"),
        *("matplotlib", "duckdb", "opencv-python-headless", "plotly"),
    ),
    more=LARGE.more,
)
"""Comes to more than 40,000 files, bytecode included, and 2 GB."""

VLLM = RealDriver(
    name="vllm",
    requires=("vllm==0.11.0", "transformers>=4.55.2,<5.0", "huggingface-hub<1.0"),
)
"""As this repository declares it, without asking for a GPU: it is built and asked for its version."""


def real_project(place: Place, driver: RealDriver) -> Project:
    """A project of one real driver, locked and built once."""
    project = Project(place=place, folder=place.folder(driver.name), more={})
    driver.declare(project, "certifi>=2024")
    project.envbuild("lock")
    project.envbuild("sync")
    return project
