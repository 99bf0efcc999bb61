"""A real driver of some 20,000 files: rebuilt, started, verified, removed."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.fleets import declare_large, large_project
from scripts.bench.rounds import Call, Sample, compete
from scripts.bench.rows import compare
from tests.support.pythons import own_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from scripts.bench.fleets import Project
    from scripts.bench.place import Place
    from scripts.bench.rows import Row

MOVED = {
    "certifi": (
        *("2024.2.2", "2024.6.2", "2024.7.4", "2024.8.30", "2024.12.14"),
        *("2025.1.31", "2025.4.26", "2025.6.15", "2025.7.9", "2025.8.3"),
    ),
    "idna": ("3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11"),
}
"""Packages that move, one version a round: each round builds an environment that was never there."""

IMPORT = "import litellm"
SETTINGS = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""Otherwise the import fetches a list of prices from the internet."""

_REBUILD = "Rebuild after one package has moved, warm"
_START = "From `sync` to a running driver"
_KEEP = "Keeping an environment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """The large driver, locked once for each version of a package."""

    place: Place
    project: Project
    package: str
    locked: Sequence[tuple[str, bytes, Path]]
    """Declaration, lockfile, and the same as hashed requirements."""

    uv_cache: Path

    def go(self, number: int) -> None:
        """Put the declaration and the lockfile of a version into place."""
        declaration, lockfile, _ = self.locked[number]
        self.project.declare(declaration)
        (self.project.folder / "locks/large.toml").write_bytes(lockfile)

    def sync(self, then: str = "") -> Callable[[int], Sample]:
        """Move to a version by `envbuild sync`."""
        plain = (self.place.envbuild, "sync")
        argv = ("/bin/sh", "-c", f"{' '.join(plain)}{then}") if then else plain

        def measure(number: int) -> Sample:
            self.go(number)
            env = {**self.project.environment(), **SETTINGS}
            call = Call(argv=argv, env=env, cwd=self.project.folder, watch=not then)
            return call(number)

        return measure

    def uv(self, *options: str, then: str = "") -> Callable[[int], Sample]:
        """Make a new environment of a version by uv; it is removed afterwards."""

        def measure(number: int) -> Sample:
            folder = self.place.root / "by-uv"
            shutil.rmtree(folder, ignore_errors=True)
            script = uv_script(self.place, folder, self.locked[number][2], self.uv_cache, *options)
            argv = ("/bin/sh", "-c", script + then.replace("PYTHON", f"{folder}/bin/python"))
            env = self.place.environment(**SETTINGS)
            return Call(argv=argv, env=env, cwd=self.place.root)(number)

        return measure


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


def lock_moves(place: Place, project: Project, package: str, rounds: int) -> Moves:
    """Lock every version ahead, and download it for both sides."""
    locked = []
    cache = place.root / "uv-cache"
    for version in MOVED[package][: rounds + 1]:
        pin = f"{package}=={version}"
        declare_large(project, pin)
        project.envbuild("lock")
        requirements = project.folder / f"{pin}.txt"
        requirements.write_text(project.envbuild("export", "requirements", "large"))
        lockfile = (project.folder / "locks/large.toml").read_bytes()
        locked.append(((project.folder / "drivers.toml").read_text(), lockfile, requirements))
        project.store.mkdir(exist_ok=True)
        for used in (cache, project.store / "cache/uv"):
            target = place.root / "downloaded"
            options = ("--target", str(target), "--no-deps", "--python", str(own_python()), pin)
            if used == cache or used.is_dir():
                place.run(*place.uv_arguments("pip install", *options, cache=used))
            shutil.rmtree(target, ignore_errors=True)
    return Moves(place=place, project=project, package=package, locked=locked, uv_cache=cache)


def prepare_large(place: Place) -> Project:
    """The large driver, built once."""
    project = large_project(place)
    project.envbuild("lock")
    project.envbuild("sync")
    return project


def measure_rebuild(place: Place, project: Project, rounds: int) -> Iterator[Row]:
    """A new environment, ready to serve."""
    moves = lock_moves(place, project, "certifi", rounds)
    contest = compete(
        rounds,
        {
            "envbuild": moves.sync(),
            "uv": moves.uv(),
            "uv, compiled": moves.uv("--compile-bytecode"),
        },
    )
    files = sum(1 for path in (project.store / "envs").iterdir() for _ in path.rglob("*"))
    files //= len(list((project.store / "envs").iterdir()))
    what = f"`sync` of {files:,} files: environment, bytecode, receipt, switch"
    for peer, name, target in (
        ("uv, compiled", "`uv venv` + `uv pip install --compile-bytecode`", 0.06),
        ("uv", "the same without bytecode", 2.5),
    ):
        yield compare(
            contest, "envbuild", peer, chapter=_REBUILD, what=what, target=target, called=name
        )


def measure_start(place: Place, project: Project, rounds: int) -> Iterator[Row]:
    """The first import in a fresh environment, and every later start."""
    rounds = min(rounds, len(MOVED["idna"]) - 1)
    moves = lock_moves(place, project, "idna", rounds)
    python = project.store / "current/large/bin/python"
    first = compete(
        rounds,
        {
            "envbuild": moves.sync(then=f" && {python} -c '{IMPORT}'"),
            "uv": moves.uv(then=f" && PYTHON -c '{IMPORT}'"),
        },
    )
    yield compare(
        first,
        "envbuild",
        "uv",
        chapter=_START,
        what=f"fresh environment, then `{IMPORT}`",
        target=0.55,
        called="`uv venv` + `uv pip install`, then the same import",
    )
    env = place.environment(PYTHONDONTWRITEBYTECODE="1", **SETTINGS)
    plain = place.root / "plain"
    script = uv_script(place, plain, moves.locked[-1][2], moves.uv_cache)
    place.run("/bin/sh", "-c", script)
    calls = {
        name: Call(argv=(str(interpreter), "-c", IMPORT), env=env, cwd=place.root)
        for name, interpreter in (("envbuild", python), ("uv", plain / "bin/python"))
    }
    later = compete(rounds, calls)
    yield compare(
        later,
        "envbuild",
        "uv",
        chapter=_START,
        what=f"`{IMPORT}`, nothing written",
        target=0.5,
        called="the same in uv's environment, which has no bytecode",
    )


def measure_keeping(place: Place, project: Project, rounds: int) -> Iterator[Row]:
    """`verify`, `verify --quick`, and removing."""
    environment = project.of("large", "--env")
    project.envbuild("gc", "--keep", "1")
    _wait_for_trash(project)
    script = f"find {environment} -type f -print0 | xargs -0 sha256sum > /dev/null"
    contest = compete(
        rounds,
        {
            "verify": project.call("verify"),
            "quick": project.call("verify", "--quick"),
            "sha256sum": Call(
                argv=("/bin/sh", "-c", script), env=place.environment(), cwd=place.root
            ),
        },
    )
    for name, what, target in (("verify", "`verify`", 0.65), ("quick", "`verify --quick`", 0.2)):
        yield compare(
            contest, name, "sha256sum", chapter=_KEEP, what=f"{what}, warm pages", target=target
        )
    yield _removal(place, project, rounds)


def _removal(place: Place, project: Project, rounds: int) -> Row:
    certifi = lock_moves(place, project, "certifi", rounds)
    copy = place.root / "copy"

    def collect(number: int) -> Sample:
        certifi.go(number)
        project.envbuild("sync")
        sample = project.call("gc", "--keep", "1")(number)
        _wait_for_trash(project)
        return sample

    def remove(number: int) -> Sample:
        place.run("cp", "-al", project.of("large", "--env"), str(copy))
        place.run("chmod", "-R", "u+w", str(copy))
        call = Call(argv=("rm", "-rf", str(copy)), env=place.environment(), cwd=place.root)
        return call(number)

    contest = compete(rounds, {"gc": collect, "`rm -rf`": remove})
    return compare(
        contest,
        "gc",
        "`rm -rf`",
        chapter=_KEEP,
        what="`gc` that removes one environment, until it returns",
        target=0.05,
        note="the whole command: its start, and counting the bytes that it frees",
    )


def _wait_for_trash(project: Project) -> None:
    trash = project.store / "trash"
    for _ in range(600):
        if not trash.is_dir() or not any(trash.iterdir()):
            return
        time.sleep(0.1)
    raise RuntimeError("the trash is not emptied")
