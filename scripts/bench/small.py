"""The quick paths: what a fleet costs when there is nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.bench.fleets import LIFETIME, small_project
from scripts.bench.pipx import pipx_tools
from scripts.bench.rounds import Call, compete, shell
from scripts.bench.rows import compare
from tests.support.index_server import IndexServer
from tests.support.pythons import MINOR, own_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.bench.fleets import Project
    from scripts.bench.place import Place
    from scripts.bench.rows import Row

NOTHING = "`python -c pass`"
_CHAPTER = "Nothing to do"
_TIMES = 10


def nothing(place: Place) -> Call:
    """The smallest thing that a Python can do."""
    return Call(
        argv=(place.python, "-c", "pass"), env=place.environment(), cwd=place.root, times=_TIMES
    )


def measure_idle(place: Place, rounds: int) -> Iterator[Row]:
    """`sync` of 1, 8 and 20 drivers, the verbs that look, and `lock`."""
    with IndexServer(lifetime=LIFETIME) as index:
        projects = {}
        for drivers in (1, 6, 8, 20):
            projects[drivers] = small_project(place, index, drivers, 130, name=f"idle-{drivers}")
            projects[drivers].envbuild("sync")
            projects[drivers].envbuild("sync")  # the first one that has nothing to do
        uv_sync = _uv_pip_sync(place, projects[1], index.url)
        tools = pipx_tools(place, index.url, [f"d{n}" for n in range(8)])
        uv_projects = _uv_projects(place, index.url, 8)
        contest = compete(
            rounds,
            {
                NOTHING: nothing(place),
                **{f"sync {n}": projects[n].call("sync", times=_TIMES) for n in (1, 8, 20)},
                "`uv pip sync`": uv_sync,
                "pipx": tools.sync(),
                "8 × `uv sync --frozen`": _frozen(place, uv_projects),
                "which": projects[8].call("which", "d0", times=_TIMES),
                "list": projects[8].call("list", times=_TIMES),
                "run": projects[8].call("run", "d0", times=_TIMES),
                "the command itself": Call(
                    argv=(projects[8].envbuild("which", "d0").strip(),),
                    env=place.environment(),
                    cwd=place.root,
                    times=_TIMES,
                ),
                "the shim": Call(
                    argv=(f"{projects[8].store}/current/bin/d0",),
                    env=place.environment(),
                    cwd=place.root,
                    times=_TIMES,
                ),
                "lock": projects[6].call("lock", times=_TIMES),
                "`uv lock --check`": _lock_check(place, uv_projects[0]),
            },
        )
    for drivers in (1, 8, 20):
        what = f"`sync`, {drivers} driver{'s' if drivers > 1 else ''} of 131 packages"
        yield compare(contest, f"sync {drivers}", NOTHING, chapter=_CHAPTER, what=what, target=2.5)
    what = "`sync`, 8 drivers of 131 packages"
    yield compare(contest, "sync 8", "`uv pip sync`", chapter=_CHAPTER, what=what, target=0.6)
    peer = "8 × `uv sync --frozen`"
    yield compare(contest, "sync 8", peer, chapter=_CHAPTER, what=what, target=0.2)
    yield compare(
        contest,
        "sync 8",
        "pipx",
        chapter=_CHAPTER,
        what=what,
        target=0.01,
        called=f"`pipx manifest sync` of the same 8 tools, pipx {tools.version}",
        note="pipx with uv as its backend, the faster of the two; each tool is a driver's package",
    )
    for verb in ("which", "list"):
        what = f"`{verb}`, 8 drivers"
        yield compare(contest, verb, NOTHING, chapter=_CHAPTER, what=what, target=2.5)
    yield compare(
        contest,
        "run",
        NOTHING,
        chapter=_CHAPTER,
        what="`run DRIVER`, 8 drivers",
        target=2.5,
        note="it includes the driver's own start: a Python in its environment, and a command that does nothing",
    )
    yield compare(
        contest,
        "run",
        "the command itself",
        chapter=_CHAPTER,
        what="`run DRIVER`, from start to end",
        target=None,
    )
    yield compare(
        contest,
        "the shim",
        "the command itself",
        chapter=_CHAPTER,
        what="a driver started through its shim",
        target=1.03,
        called="its console script",
    )
    yield compare(
        contest,
        "lock",
        "`uv lock --check`",
        chapter=_CHAPTER,
        what="`lock`, 6 drivers of 131 packages",
        target=2.0,
        note="the peer checks one project",
    )


def _uv_pip_sync(place: Place, project: Project, index: str) -> Call:
    folder = place.folder("uv-pip-sync")
    requirements = folder / "requirements.txt"
    requirements.write_text(project.envbuild("export", "requirements", "d0"))
    cache = folder / "cache"
    place.run(
        *place.uv_arguments("venv", "v", "--python", str(own_python()), cache=cache), cwd=folder
    )
    arguments = ("--python", "v/bin/python", "--require-hashes", "--default-index", index)
    argv = place.uv_arguments("pip sync", str(requirements), *arguments, cache=cache)
    call = Call(argv=argv, env=place.environment(), cwd=folder, times=_TIMES)
    call(0)
    return call


def _uv_projects(place: Place, index: str, number: int) -> list[Path]:
    folders = []
    for n in range(number):
        folder = place.folder(f"uv-project-{n}")
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "x{n}"\nversion = "1"\nrequires-python = ">={MINOR}"\n'
            f'dependencies = ["d{n}"]\n[[tool.uv.index]]\nurl = "{index}"\ndefault = true\n'
        )
        cache = str(place.root / "uv-project-cache")
        options = ("--python", str(own_python()), "--no-python-downloads", "--quiet")
        for verb in ("lock", "sync"):
            place.run(place.uv, verb, *options, "--cache-dir", cache, cwd=folder)
        folders.append(folder)
    return folders


def _frozen(place: Place, folders: list[Path]) -> Call:
    cache = place.root / "uv-project-cache"
    each = f"{place.uv} sync --frozen --quiet --no-python-downloads --cache-dir {cache} --project"
    script = "; ".join(f"{each} {folder} || exit 1" for folder in folders)
    return shell(place, script)


def _lock_check(place: Place, folder: Path) -> Call:
    argv = (
        place.uv,
        "lock",
        "--check",
        "--quiet",
        "--no-python-downloads",
        "--cache-dir",
        str(place.root / "uv-project-cache"),
    )
    return Call(argv=argv, env=place.environment(), cwd=folder, times=_TIMES)
