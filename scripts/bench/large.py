"""A real driver: rebuilt after one package has moved, and started."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.rounds import Call, Sample, compete, shell
from scripts.bench.rows import compare
from scripts.bench.trace import count_calls
from tests.support.command_line import declare_drivers
from tests.support.folders import remove_tree
from tests.support.pythons import MINOR, own_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scripts.bench.fleets import Project, RealDriver
    from scripts.bench.place import Place
    from scripts.bench.rows import Row

MOVED = {
    "certifi": (
        *("2024.2.2", "2024.6.2", "2024.7.4", "2024.8.30", "2024.12.14"),
        *("2025.1.31", "2025.4.26", "2025.6.15", "2025.7.9", "2025.8.3"),
    ),
    "idna": ("3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11"),
    "attrs": ("23.1.0", "23.2.0", "24.1.0", "24.2.0", "25.1.0", "25.3.0"),
    "tqdm": ("4.66.1", "4.66.2", "4.66.3", "4.66.4", "4.66.5", "4.66.6", "4.67.0", "4.67.1"),
}
"""Packages that move, one version a round: each round builds an environment that was never there."""

SETTINGS = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""Otherwise the import fetches a list of prices from the internet."""

_SAMPLED = Path(__file__).with_name("sampled.py")
_SHOWN = 14
_LINKS = Path(__file__).with_name("links.py")
_REBUILD = "Rebuild after one package has moved, warm"
_START = "From `sync` to a running driver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """The large driver, locked once for each version of a package."""

    place: Place
    project: Project
    driver: RealDriver
    locked: Sequence[tuple[str, bytes, Path]]
    """Declaration, lockfile, and the same as hashed requirements."""

    uv_cache: Path

    def go(self, number: int) -> None:
        """Put the declaration and the lockfile of a version into place."""
        declaration, lockfile, _ = self.locked[number]
        self.project.declare(declaration)
        (self.project.folder / f"locks/{self.driver.name}.toml").write_bytes(lockfile)

    def sync(self, then: str = "") -> Callable[[int], Sample]:
        """Move to a version by `envbuild sync`."""
        plain = (self.place.envbuild, "sync")
        argv = ("/bin/sh", "-c", f"{' '.join(plain)}{then}") if then else plain

        def measure(number: int) -> Sample:
            self.go(number)
            env = {**self.project.environment(), **SETTINGS}
            call = Call(argv=argv, env=env, cwd=self.project.folder, watch=None if then else True)
            return call(number)

        return measure

    def uv(self, *options: str, then: str = "") -> Callable[[int], Sample]:
        """Make a new environment of a version by uv; it is removed afterwards."""

        def measure(number: int) -> Sample:
            folder = self.place.root / "by-uv"
            shutil.rmtree(folder, ignore_errors=True)
            script = uv_script(self.place, folder, self.locked[number][2], self.uv_cache, *options)
            script += then.replace("BIN", f"{folder}/bin")
            return shell(self.place, script, **SETTINGS)(number)

        return measure


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How a driver is started."""

    line: str
    """A shell's line, with BIN for the folder of the environment's commands."""

    shown: str
    """The same as the page has it."""

    note: str = ""


def uv_script(place: Place, folder: Path, requirements: Path, cache: Path, *options: str) -> str:
    """`uv venv` and `uv pip install` of hashed requirements, as a shell's line."""
    venv = place.uv_arguments("venv", "--python", str(own_python()), str(folder), cache=cache)
    install = place.uv_arguments(
        "pip install",
        *("--python", f"{folder}/bin/python", "--no-deps", "--require-hashes"),
        *("--link-mode", "hardlink", "--only-binary", ":all:", *options),
        *("--requirements", str(requirements)),
        cache=cache,
    )
    return f"{' '.join(venv)} && {' '.join(install)}"


def lock_moves(
    place: Place, project: Project, driver: RealDriver, package: str, rounds: int
) -> Moves:
    """Lock every version ahead, and download it for both sides."""
    locked = []
    cache = place.root / "uv-cache"
    for version in MOVED[package][: rounds + 1]:
        pin = f"{package}=={version}"
        driver.declare(project, pin)
        project.envbuild("lock")
        requirements = project.folder / f"{pin}.txt"
        requirements.write_text(project.envbuild("export", "requirements", driver.name))
        lockfile = (project.folder / f"locks/{driver.name}.toml").read_bytes()
        locked.append(((project.folder / "drivers.toml").read_text(), lockfile, requirements))
        target = place.root / "downloaded"
        options = ("--target", str(target), "--no-deps", "--python", str(own_python()), pin)
        place.run(*place.uv_arguments("pip install", *options, cache=cache))
        shutil.rmtree(target)
    _download(place, project, [f"{package}=={one}" for one in MOVED[package][: rounds + 1]])
    return Moves(place=place, project=project, driver=driver, locked=locked, uv_cache=cache)


def _download(place: Place, project: Project, pins: Sequence[str]) -> None:
    """Have the wheels in the uv cache of the project's store, and nowhere else in it.

    Another store gets them first, as envbuild tells uv from which index they are.
    """
    known = project.store / "cache/uv"
    folder = place.folder("downloads")
    others = replace(project, folder=folder)
    for pin in pins:
        others.declare(declare_drivers({"wheel": ["wheel", pin]}, python=MINOR))
        others.envbuild("lock")
        others.envbuild("sync")
    place.run("cp", "-a", f"{others.store}/cache/uv/.", str(known))
    remove_tree(folder)


def measure_rebuild(
    place: Place, project: Project, driver: RealDriver, rounds: int, target: float
) -> Iterator[Row]:
    """A new environment, ready to serve."""
    moves = lock_moves(place, project, driver, "certifi", rounds)
    contest = compete(
        rounds,
        {
            "envbuild": moves.sync(),
            "uv": moves.uv(),
            "uv, compiled": moves.uv("--compile-bytecode"),
            "link": link_alone(place, project, driver),
        },
    )
    environment = Path(project.of(driver.name, "--env"))
    what = f"`sync` of {count_files(environment):,} files: environment, bytecode, receipt, switch"
    for peer, name, wanted in (
        ("uv, compiled", "`uv venv` + `uv pip install --compile-bytecode`", target),
        ("uv", "the same without bytecode", 2.5),
        ("link", "bare `link(2)` of as many files, and `mkdir(2)`", None),
    ):
        yield compare(
            contest, "envbuild", peer, chapter=_REBUILD, what=what, target=wanted, called=name
        )
    yield compare(
        contest,
        "uv",
        "link",
        chapter=_REBUILD,
        what="for comparison: uv's own install without bytecode",
        target=None,
        called="bare `link(2)` of the rebuild's files, bytecode included",
    )


def trace_rebuild(place: Place, project: Project, driver: RealDriver) -> dict[str, str]:
    """Texts by title: what the kernel is asked for a rebuild, and where the rebuild is meanwhile."""
    moves = lock_moves(place, project, driver, "attrs", 2)
    texts = {}
    moves.go(1)
    calls = count_calls((place.envbuild, "sync"), project.environment(), place, cwd=project.folder)
    script = uv_script(place, place.root / "traced", moves.locked[1][2], moves.uv_cache)
    by_uv = count_calls(("/bin/sh", "-c", script), place.environment(), place)
    if calls:
        lines = [f"{'system call':<20} {'sync':>9} {'uv, no bytecode':>16}"]
        most = sorted(calls, key=lambda name: -calls[name])[:_SHOWN]
        lines += [f"{name:<20} {calls[name]:>9,} {by_uv.get(name, 0):>16,}" for name in most]
        lines.append(f"{'in all':<20} {sum(calls.values()):>9,} {sum(by_uv.values()):>16,}")
        texts["System calls of a rebuild"] = "\n".join(lines)
    moves.go(2)
    out = place.root / "samples.json"
    place.run(
        *(place.python, str(_SAMPLED), str(out), "sync"),
        cwd=project.folder,
        **project.environment(),
    )
    seen = Counter(json.loads(out.read_text()))
    lines = [f"{'module':<50} {'share of the samples':>20}"]
    lines += [
        f"{name:<50} {count / seen.total():>20.1%}" for name, count in seen.most_common(_SHOWN)
    ]
    texts[
        "Where envbuild is during a rebuild (each thread, once a millisecond; waiting for uv included)"
    ] = "\n".join(lines)
    return texts


def measure_pip(place: Place, project: Project, driver: RealDriver, rounds: int) -> Iterator[Row]:
    """The same rebuild against pip, which takes a minute each time, so it has a contest of its own."""
    moves = lock_moves(place, project, driver, "idna", rounds)
    cache = place.folder("pip-cache")
    folder = place.root / "by-pip"

    def pip(number: int) -> Sample:
        shutil.rmtree(folder, ignore_errors=True)
        script = (
            f"{own_python()} -m venv {folder} && {folder}/bin/python -m pip install --quiet "
            f"--disable-pip-version-check --no-deps --require-hashes --cache-dir {cache} "
            f"--requirement {moves.locked[number][2]}"
        )
        return shell(place, script, PIP_CONFIG_FILE=os.devnull)(number)

    contest = compete(rounds, {"envbuild": moves.sync(), "pip": pip})
    yield compare(
        contest,
        "envbuild",
        "pip",
        chapter=_REBUILD,
        what="`sync` of the same environment, another package moved",
        target=1 / 50,
        called="`python -m venv` + `pip install` of the same lock, which compiles, cache warm",
    )
    shutil.rmtree(folder)
    shutil.rmtree(cache)


def link_alone(place: Place, project: Project, driver: RealDriver) -> Callable[[int], Sample]:
    """Link every file of the environment into a new folder, and nothing else: the limit.

    They are those of a copy: links to the environment's own would have every unpacked wheel read again.
    """
    source, target = place.root / "link-source", place.root / "by-link"
    place.run("cp", "-a", project.of(driver.name, "--env"), str(source))

    def measure(number: int) -> Sample:
        argv = (place.python, "-S", str(_LINKS), str(source), str(target))
        sample = Call(argv=argv, env=place.environment(), cwd=place.root)(number)
        shutil.rmtree(target)
        begin, cpu = map(float, (place.root / "by-link.seconds").read_text().split())
        return Sample(seconds=begin, cpu=cpu, peak=sample.peak)

    return measure


def count_files(folder: Path) -> int:
    """Files and links below a folder."""
    return sum(len(files) for _, _, files in os.walk(folder))


def measure_start(
    place: Place, project: Project, driver: RealDriver, rounds: int, start: Start
) -> Iterator[Row]:
    """The first start in a fresh environment, and every later one."""
    moves = lock_moves(place, project, driver, "tqdm", rounds)
    ours = f"{project.store}/current/{driver.name}/bin"
    starting = start.line
    first = compete(
        rounds,
        {
            "envbuild": moves.sync(then=f" && {starting.replace('BIN', ours)}"),
            "uv": moves.uv(then=f" && {starting}"),
        },
    )
    yield compare(
        first,
        "envbuild",
        "uv",
        chapter=_START,
        what=f"fresh environment, then `{start.shown}`",
        target=0.55,
        called="`uv venv` + `uv pip install`, then the same",
        note=start.note,
    )
    # root may write anywhere, so Python is told not to
    unchanged = {"PYTHONDONTWRITEBYTECODE": "1", **SETTINGS}
    plain = place.root / "plain"
    script = uv_script(place, plain, moves.locked[-1][2], moves.uv_cache)
    place.run("/bin/sh", "-c", script)
    calls = {
        name: shell(place, f"exec {starting.replace('BIN', folder)}", **unchanged)
        for name, folder in (("envbuild", ours), ("uv", f"{plain}/bin"))
    }
    later = compete(rounds, calls)
    yield compare(
        later,
        "envbuild",
        "uv",
        chapter=_START,
        what=f"`{start.shown}`, environment not writable",
        target=0.5,
        called="the same in uv's environment, which has no bytecode",
    )
