"""What keeps a fleet in order, on one real environment of 40,000 files: verify, history, rollback, gc."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.fleets import HUGE, LIFETIME, lock_small, real_project, small_project
from scripts.bench.large import lock_moves
from scripts.bench.rounds import Call, Contest, Sample, compete, shell
from scripts.bench.rows import compare
from scripts.bench.small import NOTHING, nothing
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.bench.fleets import Project
    from scripts.bench.large import Moves
    from scripts.bench.place import Place
    from scripts.bench.rows import Row

_CHAPTER = "Keeping an environment"
_LSTAT = """
import os, sys
waiting = [sys.argv[1]]
while waiting:
    with os.scandir(waiting.pop()) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
"""
_LSTAT_HALVES = """
import os, sys
with open(sys.argv[1], "rb") as stream:
    paths = stream.read().split(b"\\0")
os.chdir(sys.argv[2])
child = os.fork()
for _ in map(os.lstat, paths[1::2] if child else paths[::2]):
    pass
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""
_PAUSE = 0.002
"""Seconds between two looks whether the trash is empty."""


def measure_keeping(place: Place, rounds: int) -> Iterator[Row]:
    """`verify` of what is current, the verbs that look, and removing."""
    project = real_project(place, HUGE)
    environment = project.of(HUGE.name, "--env")
    what = _size(Path(environment))
    moves = lock_moves(place, project, HUGE, "certifi", rounds)
    script = f"find {environment} -type f -print0 | xargs -0 sha256sum > /dev/null"
    contest = compete(
        rounds,
        {
            "verify": project.call("verify", watch=True),
            "quick": project.call("verify", "--quick", watch=True),
            "sha256sum": shell(place, script),
            "lstat": Call(
                argv=(place.python, "-S", "-c", _LSTAT, environment),
                env=place.environment(),
                cwd=place.root,
            ),
            "halves": Call(
                argv=(
                    *(place.python, "-S", "-c", _LSTAT_HALVES),
                    *(str(_list_paths(place, Path(environment))), environment),
                ),
                env=place.environment(),
                cwd=place.root,
            ),
            NOTHING: nothing(place),
        },
    )
    for name, verb, target in (("verify", "`verify`", 0.65), ("quick", "`verify --quick`", 0.2)):
        yield compare(
            contest,
            name,
            "sha256sum",
            chapter=_CHAPTER,
            what=f"{verb} of {what}, warm pages",
            target=target,
            called="`sha256sum` of the same files, one thread",
        )
    what = "`verify --quick` of the same"
    yield compare(contest, "quick", NOTHING, chapter=_CHAPTER, what=what, target=6)
    called = "bare `lstat(2)` of the same files, in a Python"
    yield compare(
        contest, "quick", "lstat", chapter=_CHAPTER, what=what, target=None, called=called
    )
    yield compare(
        contest, "lstat", NOTHING, chapter=_CHAPTER, what=f"for comparison: {called}", target=None
    )
    yield compare(
        contest,
        "halves",
        NOTHING,
        chapter=_CHAPTER,
        what="for comparison: bare `lstat(2)` of the same, in two processes that know all paths",
        target=None,
    )
    yield from _looking(place, project, moves, rounds)
    yield from _ordinary(place, rounds)
    yield from _removal(place, project, moves, rounds)


def _looking(place: Place, project: Project, moves: Moves, rounds: int) -> Iterator[Row]:
    """`history`, `ps` and `rollback`, with two generations of one environment each."""
    moves.go(0)
    project.envbuild("sync")
    contest = compete(
        rounds,
        {
            NOTHING: nothing(place),
            "history": project.call("history", times=5),
            "ps": project.call("ps", times=5),
            "rollback": _roll_back(project),
        },
    )
    for verb in ("history", "ps", "rollback"):
        yield compare(contest, verb, NOTHING, chapter=_CHAPTER, what=f"`{verb}`", target=6)


def _ordinary(place: Place, rounds: int) -> Iterator[Row]:
    """`verify --quick` and `rollback` of a fleet of small packages, with a driver less in the first generation."""
    with IndexServer(lifetime=LIFETIME) as index:
        project = small_project(place, index, 7, 130, name="ordinary")
        project.envbuild("sync")
        lock_small(project, index, 8, 130)
        project.envbuild("sync")
    contest = compete(
        rounds,
        {
            NOTHING: nothing(place),
            "quick": project.call("verify", "--quick", times=5),
            "rollback": _roll_back(project),
        },
    )
    count = sum(len(names) for _, _, names in os.walk(project.store / "envs"))
    for name, verb in (("quick", "`verify --quick`"), ("rollback", "`rollback`")):
        what = f"{verb}, 8 drivers of 131 packages, {count:,} files"
        yield compare(contest, name, NOTHING, chapter=_CHAPTER, what=what, target=6)


def _list_paths(place: Place, environment: Path) -> Path:
    """A file with the paths of everything below an environment, a NUL between them."""
    paths = sorted(os.fsencode(path.relative_to(environment)) for path in environment.rglob("*"))
    file = place.root / "paths"
    file.write_bytes(b"\0".join(paths))
    return file


def _roll_back(project: Project) -> Callable[[int], Sample]:
    """To the older of the last two generations and back, a round each."""

    def measure(number: int) -> Sample:
        now = (project.store / "current").resolve().name
        last = sorted(int(path.name) for path in (project.store / "generations").iterdir())[-2:]
        other = next(str(found) for found in last if str(found) != now)
        return project.call("rollback", other)(number)

    return measure


def _removal(place: Place, project: Project, moves: Moves, rounds: int) -> Iterator[Row]:
    """`gc` until it returns and until nothing is left, against `rm -rf` of as many linked files."""
    project.envbuild("gc", "--keep", "1")
    _wait_for_trash(project)
    spent: list[Sample] = []
    added: list[Sample] = []
    copy = place.root / "copy"

    def collect(number: int) -> Sample:
        moves.go(number)
        project.envbuild("sync")
        begin = time.perf_counter()
        sample = project.call("gc", "--keep", "1", watch=True)(number)
        _wait_for_trash(project)
        all_of_it = time.perf_counter() - begin
        spent.append(Sample(seconds=all_of_it, cpu=sample.cpu, peak=0))
        idle = project.call("gc", "--keep", "1")(number)
        added.append(
            Sample(
                seconds=max(0.0, sample.seconds - idle.seconds),
                cpu=max(0.0, sample.cpu - idle.cpu),
                peak=0,
            )
        )
        return sample

    def remove(number: int) -> Sample:
        place.run("cp", "-al", project.of(HUGE.name, "--env"), str(copy))
        place.run("find", str(copy), "-type", "d", "-exec", "chmod", "u+w", "{}", "+")
        call = Call(argv=("rm", "-rf", str(copy)), env=place.environment(), cwd=place.root)
        return call(number)

    contest = compete(rounds, {"gc": collect, "`rm -rf`": remove})
    told = Contest(
        samples={**contest.samples, "all": spent[1:], "added": added[1:]},
        peaks={**contest.peaks, "all": 0, "added": 0},
    )
    for name, what, target in (
        ("gc", "`gc` that removes that environment, until it returns", 0.05),
        ("added", "the same, minus a `gc` that has nothing to remove", None),
        ("all", "the same `gc`, until the last file is gone", 1.3),
    ):
        yield compare(told, name, "`rm -rf`", chapter=_CHAPTER, what=what, target=target)


def _size(environment: Path) -> str:
    """How many files, and how many bytes."""
    count = size = 0
    for folder, _, names in os.walk(environment):
        for name in names:
            count += 1
            size += Path(folder, name).lstat().st_size
    return f"{count:,} files and {size / 1e9:.1f} GB"


def _wait_for_trash(project: Project) -> None:
    trash = project.store / "trash"
    for _ in range(60_000):
        if not trash.is_dir() or not any(trash.iterdir()):
            return
        time.sleep(_PAUSE)
    raise RuntimeError("the trash is not emptied")
