"""One step beyond: environments that link whole folders of wheels that are unpacked once; tried, not shipped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.fleets import LARGE, Project
from scripts.bench.folder_plan import (
    keep_wheels,
    plan_files,
    plan_folders,
    shared_folders,
    with_bytecode,
)
from scripts.bench.folder_trials import Pair, try_all
from scripts.bench.large import SETTINGS, uv_script
from scripts.bench.rounds import Call, Sample, compete
from scripts.bench.rows import Measured, compare
from scripts.bench.trace import count_calls
from tests.support.pythons import MINOR, own_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.bench.folder_plan import Kept, Plan
    from scripts.bench.place import Place

_CHAPTER = "Whole folders linked: an experiment"
_REPLAY = Path(__file__).with_name("replay.py")
_SITE = f"lib/python{MINOR}/site-packages"
_IMPORT = "import litellm.proxy.proxy_server"


def measure_folder_links(place: Place, rounds: int) -> Measured:
    """Rows, and texts by title: what was counted, and what was tried."""
    requirements = _requirements(place)
    cache = place.root / "uv-cache"
    source = place.root / "source"
    place.run("/bin/sh", "-c", uv_script(place, source, requirements, cache))
    kept = _keep(place, source)
    plans = {"folders": plan_folders(kept), "files": plan_files(kept)}
    for name, plan in plans.items():
        plan.write(place.root / f"{name}.json")
    install = uv_script(place, place.root / "by-uv", requirements, cache).partition(" && ")[2]
    contest = compete(
        rounds,
        {
            "folders": _fresh(place, "folders", _replay(place, "folders")),
            "files": _fresh(place, "files", _replay(place, "files")),
            "uv": _fresh(place, "by-uv", ("/bin/sh", "-c", install)),
        },
    )
    rows = [
        compare(
            contest,
            ours,
            peer,
            chapter=_CHAPTER,
            what=what,
            target=None,
            called=called,
        )
        for ours, peer, what, called in (
            ("folders", "uv", "whole folders linked, bytecode in them", _BY_UV),
            ("files", "uv", "every file hard-linked, bytecode included", _BY_UV),
            ("folders", "files", "whole folders linked", "every file hard-linked"),
        )
    ]
    pair = Pair(place=place, files=place.root / "files", folders=place.root / "folders", kept=kept)
    later = compete(rounds, {name: _start(place, name) for name in ("folders", "files")})
    rows.append(
        compare(
            later,
            "folders",
            "files",
            chapter=_CHAPTER,
            what=f"`{_IMPORT}` from linked folders",
            target=None,
            called="the same from hard-linked files",
        )
    )
    texts = {
        "Whole folders linked: what is made": _counted(place, kept, plans, install),
        "Whole folders linked: what was tried": try_all(pair),
    }
    return Measured(rows=tuple(rows), texts=texts)


_BY_UV = "`uv pip install`, hard links, no bytecode"


def _requirements(place: Place) -> Path:
    project = Project(place=place, folder=place.folder("folder-links"), more={})
    LARGE.declare(project, "certifi>=2024")
    project.envbuild("lock")
    path = project.folder / "requirements.txt"
    path.write_text(project.envbuild("export", "requirements", LARGE.name))
    return path


def _keep(place: Place, source: Path) -> Kept:
    kept = keep_wheels(source / _SITE, place.root / "kept")
    compiling = ("-m", "compileall", "-qq", "-j", "0", "--invalidation-mode", "unchecked-hash")
    python = str(own_python())
    # templates and other syntaxes do not compile, which makes compileall end with 1
    place.run("/bin/sh", "-c", " ".join((python, *compiling, str(kept.root), "|| true")))
    return with_bytecode(kept)


def _replay(place: Place, name: str) -> tuple[str, ...]:
    target = str(place.root / name / _SITE)
    return (str(own_python()), "-S", str(_REPLAY), str(place.root / f"{name}.json"), target)


def _fresh(place: Place, name: str, argv: tuple[str, ...]) -> Callable[[int], Sample]:
    """Fill an empty environment, which is there before."""

    def measure(number: int) -> Sample:
        _make_empty(place, name)
        return Call(argv=argv, env=place.environment(), cwd=place.root)(number)

    return measure


def _make_empty(place: Place, name: str) -> None:
    folder = place.root / name
    shutil.rmtree(folder, ignore_errors=True)
    arguments = ("--python", str(own_python()), str(folder))
    place.run(*place.uv_arguments("venv", *arguments, cache=place.root / "uv-cache"))


def _start(place: Place, name: str) -> Call:
    env = place.environment(PYTHONDONTWRITEBYTECODE="1", **SETTINGS)
    argv = (str(place.root / name / "bin/python"), "-c", _IMPORT)
    return Call(argv=argv, env=env, cwd=place.root)


def _counted(place: Place, kept: Kept, plans: dict[str, Plan], install: str) -> str:
    shared = shared_folders(kept)
    lines = [
        f"{len(kept.files):,} files of {len(set(kept.files.values()))} wheels, bytecode included",
        f"{kept.clashes} paths that several wheels own",
        f"{len(shared)} top folders that several wheels share: {', '.join(shared)}",
        "",
        f"{'':<24} {'mkdir':>7} {'symlink':>8} {'link':>7} {'new inodes':>11} {'calls of all kinds':>19}",
    ]
    for name, plan in plans.items():
        made = f"{len(plan.folders):>7} {len(plan.symlinks):>8} {len(plan.hardlinks):>7}"
        _make_empty(place, name)
        calls = count_calls(_replay(place, name), place.environment(), place)
        total = f"{sum(calls.values()):>19}" if calls else ""
        lines.append(
            f"{'whole ' if name == 'folders' else 'all '}{name:<18} {made} {plan.inodes:>11} {total}"
        )
    _make_empty(place, "by-uv")
    calls = count_calls(("/bin/sh", "-c", install), place.environment(), place)
    if calls:
        made = " ".join(
            f"{sum(calls.get(name, 0) for name in (kind, kind + 'at')):>{width}}"
            for kind, width in (("mkdir", 7), ("symlink", 8), ("link", 7))
        )
        lines.append(f"{'uv, no bytecode':<24} {made} {'':>11} {sum(calls.values()):>19}")
    return "\n".join(lines)
