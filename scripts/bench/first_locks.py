"""First locks, with every cache empty: the CPU fleet of this repository, and fifty made-up drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.toml_text import toml_list, toml_string
from scripts.bench.fleets import LIFETIME, Project, project_with_caches
from scripts.bench.relay import Relay
from scripts.bench.rounds import Sample, compete
from scripts.bench.rows import compare
from tests.support.index_server import IndexServer
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from scripts.bench.place import Place
    from scripts.bench.rows import Row

_CHAPTER = "First locks"
_PYTHONS = ("3.12", "3.11", "3.13")
_PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "arm64-macosx_14_0")
_CONSTRAINT = "urllib3>=2.6.3"
CPU: Mapping[str, Sequence[str]] = {
    "asr": ("faster-whisper", "fastapi", "uvicorn[standard]", "python-multipart"),
    "gateway": ("litellm[proxy]",),
    "embeddings": ("model2vec", "fastapi", "uvicorn[standard]"),
}
"""What this repository's own CPU drivers require."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """Drivers for envbuild, and the same as projects for `uv lock`, one a driver."""

    place: Place
    project: Project
    drivers: Sequence[str]

    @property
    def _by_uv(self) -> Path:
        return self.project.folder / "by-uv"

    def lock(self, *arguments: str, cold: bool) -> Callable[[int], Sample]:
        """`envbuild lock`; cold without lockfiles and caches."""

        def measure(number: int) -> Sample:
            if cold:
                for name in ("locks", "cache"):
                    _put_aside(self.project.folder / name, number)
            return self.project.call("lock", *arguments, watch=True)(number)

        return measure

    def lock_by_uv(self, *arguments: str, cold: bool) -> Callable[[int], Sample]:
        """`uv lock` of one project after the other; cold without `uv.lock` and cache."""
        cache = self._by_uv / "cache"
        argv = self.place.uv_arguments("lock", *arguments, cache=cache)
        script = " && ".join(
            f"(cd {driver} && {' '.join((*argv, '--python', self.place.python))})"
            for driver in self.drivers
        )

        def measure(number: int) -> Sample:
            if cold:
                _put_aside(cache, number)
                for driver in self.drivers:
                    (self._by_uv / driver / "uv.lock").unlink(missing_ok=True)
            return self.project.by_peer(script, self._by_uv)(number)

        return measure


def _put_aside(folder: Path, number: int) -> None:
    """Away with it, but not deleted: ext4 looks at every inode that was deleted lately before it gives a new one."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}-before-{number}"))


def measure_first_locks(place: Place, rounds: int) -> Iterator[Row]:
    """The CPU fleet, without anything and with fresh pages; then fifty drivers over an index on loopback."""
    with Relay() as relay:
        relay.answer_for_long()
        fleet = _declare(place, "cpu-fleet", relay.url, CPU, _PYTHONS, _PLATFORMS)
        peer = "3 × `uv lock`, one after the other"
        yield _compare(fleet, rounds, "3 drivers × 9 targets, all caches empty", peer, 1.2)
        peer = "3 × `uv lock --upgrade`, one after the other"
        yield _compare(
            fleet, rounds, "the same with `--upgrade`, pages fresh", peer, 1.2, "--upgrade"
        )
    wheels, requires = made_up_wheels(50)
    with IndexServer(wheels, lifetime=LIFETIME) as index:
        fleet = _declare(place, "fifty", index.url, requires, _PYTHONS[:2], _PLATFORMS)
        peer = "50 × `uv lock`, one after the other"
        yield _compare(
            fleet, rounds, "50 drivers × 6 targets on loopback, all caches empty", peer, 0.5
        )


def _compare(
    fleet: Fleet, rounds: int, what: str, peer: str, target: float, *arguments: str
) -> Row:
    cold = not arguments
    contest = compete(
        rounds,
        {
            "envbuild": fleet.lock(*arguments, cold=cold),
            "uv": fleet.lock_by_uv(*arguments, cold=cold),
        },
    )
    return compare(
        contest, "envbuild", "uv", chapter=_CHAPTER, what=what, target=target, called=peer
    )


def _declare(
    place: Place,
    name: str,
    index: str,
    requires: Mapping[str, Sequence[str]],
    pythons: Sequence[str],
    platforms: Sequence[str],
) -> Fleet:
    """Both sides' declarations; uv's say the same Pythons and systems as a range and as environments."""
    project = project_with_caches(place, name, index)
    head = [
        "version = 1\n[defaults]",
        f"python = {toml_list(pythons)}",
        f"platforms = {toml_list(platforms)}",
        f"constraints = {toml_list([_CONSTRAINT])}",
    ]
    tables = [f"[drivers.{key}]\nrequires = {toml_list(lines)}" for key, lines in requires.items()]
    binaries = {"asr": "uvicorn", "gateway": "litellm", "embeddings": "uvicorn"}
    tables = [
        f"{table}\nbinary = {toml_string(binaries[key])}" if key in binaries else table
        for key, table in zip(requires, tables, strict=True)
    ]
    project.declare("\n".join((*head, *tables)) + "\n")
    low, high = min(pythons), int(max(pythons).partition(".")[2]) + 1
    for key, lines in requires.items():
        own = project.folder / "by-uv" / key
        own.mkdir(parents=True)
        (own / "pyproject.toml").write_text(
            f'[project]\nname = "by-uv-{key}"\nversion = "1"\n'
            f'requires-python = ">={low},<3.{high}"\ndependencies = {toml_list(lines)}\n'
            f"[tool.uv]\nconstraint-dependencies = {toml_list([_CONSTRAINT])}\n"
        )
    return Fleet(place=place, project=project, drivers=tuple(requires))


def made_up_wheels(drivers: int) -> tuple[list[Wheel], dict[str, list[str]]]:
    """Drivers that share packages with histories; each requires twenty of them, which require others."""
    packages = [
        Wheel(
            name=f"p{number}",
            version=f"{version}.0",
            requires=tuple(f"p{other}>=1" for other in range(number + 40, 200, 40)),
        )
        for number in range(200)
        for version in range(1, 6)
    ]
    commands = [
        command_wheel(
            f"d{number}",
            requires=tuple(f"p{(number * 3 + step) % 200}>=2" for step in range(20)),
        )
        for number in range(drivers)
    ]
    return [*packages, *commands], {wheel.name: [wheel.name] for wheel in commands}
